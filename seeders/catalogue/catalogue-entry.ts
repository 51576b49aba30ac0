import type { z } from 'zod';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';

/** A model as the product ships it. The seed validates its meta as it would an operator's. */
export interface CatalogueEntry {
  id: string;
  name: string;
  provider: string;
  isLegacy?: boolean;
  meta: z.input<typeof ModelMeta>;
}

/** Where a figure comes from and when it was read; an operator who checks it by hand says so here. */
export interface FigureSource {
  source: string;
  date: string;
  isCheckedByHand: boolean;
}

type FigureKind = 'limits' | 'prices' | 'constraints' | 'imageTokens';

/** The part of `providerMetadata` that names the source of each kind of figure. */
export function figureSources(
  sources: Partial<Record<FigureKind, string>>,
  date: string,
): { figures: Record<string, FigureSource> } {
  const figures = Object.entries(sources).map(([kind, source]) => [kind, { source, date, isCheckedByHand: false }]);
  return { figures: Object.fromEntries(figures) as Record<string, FigureSource> };
}
