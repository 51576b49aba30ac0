import type { ModelMeta } from './model-meta.js';
import type { ModelPrices } from './model-prices.js';

/** A model as the whole program sees it: the row, its current version and its prices, computed once. */
export interface CatalogueModel {
  id: string;
  /** What is sent to the provider. */
  name: string;
  provider: string;
  isAvailable: boolean;
  isLegacy: boolean;
  isArchived: boolean;
  meta: ModelMeta;
  /** The `model_versions` row that holds this meta; every ledger row names it. */
  versionNo: number;
  createdAt: Date;
  /** When it was last declared legacy, where that is known. */
  legacySince?: Date | null;
  /** Null while the model has no complete price; it cannot be called then. */
  prices: ModelPrices | null;
}
