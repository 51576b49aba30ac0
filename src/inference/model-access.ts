import type { AppError } from '../common/errors/app-error.js';
import type { Tier } from '../common/domain/tiers.js';
import { decideAvailability } from '../models/domain/availability.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { type Capability, CHAT_CAPABILITIES } from '../models/domain/model-meta.js';
import { decideTierAccess } from '../models/domain/tier-access.js';
import {
  CapabilityNotSupportedError,
  ModelArchivedError,
  ModelNotPricedError,
  ModelUnavailableError,
  TierRequiredError,
} from './inference.errors.js';
import type { Prompt } from './prompt.js';

/** A model that may be called has a price. */
export type PricedModel = CatalogueModel & { prices: NonNullable<CatalogueModel['prices']> };

export function isPriced(model: CatalogueModel): model is PricedModel {
  return model.prices !== null;
}

export interface AccessTerms {
  tier: Tier;
  /** Whether a provider answers for the model on this server. */
  isServed: boolean;
  prompt: Prompt;
}

/** Why this prompt may not go to this model, first the model's own state, then the caller's tier, then what the prompt needs; null if it may. */
export function refuseAccess(model: CatalogueModel, terms: AccessTerms): AppError | null {
  return refuseModel(model, terms) ?? refuseCapabilities(model, terms.prompt);
}

/** The same for a request for embeddings, which needs nothing but a model that makes them. */
export function refuseEmbedding(model: CatalogueModel, terms: Omit<AccessTerms, 'prompt'>): AppError | null {
  const refusal = refuseModel(model, terms);
  if (refusal || model.meta.capabilities.includes('embedding')) return refusal;
  return new CapabilityNotSupportedError({ model: model.id, capability: 'embedding', param: 'model' });
}

function refuseModel(model: CatalogueModel, { isServed, tier }: Omit<AccessTerms, 'prompt'>): AppError | null {
  return refuseState(model, isServed) ?? refuseTier(model, tier);
}

function refuseState(model: CatalogueModel, isServed: boolean): AppError | null {
  const availability = decideAvailability(model, isServed);
  if (availability.available) return null;
  const replacement = model.meta.legacyReplacementModelId ?? null;
  switch (availability.code) {
    case 'model_archived':
      return new ModelArchivedError(model.id, replacement);
    case 'model_not_priced':
      return new ModelNotPricedError(model.id);
    case 'model_unavailable':
      return new ModelUnavailableError(model.id, replacement);
  }
}

function refuseTier(model: CatalogueModel, tier: Tier): AppError | null {
  const decision = decideTierAccess(model.meta, tier);
  if (decision.allowed) return null;
  const { requiredTier, allowedTiers } = decision;
  return new TierRequiredError({ model: model.id, currentTier: tier, requiredTier, allowedTiers });
}

function refuseCapabilities(model: CatalogueModel, prompt: Prompt): AppError | null {
  const { capabilities } = model.meta;
  const lacking = (capability: Capability, param: string) =>
    new CapabilityNotSupportedError({ model: model.id, capability, param });
  if (!CHAT_CAPABILITIES.some((capability) => capabilities.includes(capability))) return lacking('chat', 'messages');
  const [image] = prompt.images;
  if (image && !capabilities.includes('vision')) return lacking('vision', image.param);
  if (prompt.hasTools && !capabilities.includes('function_calling')) return lacking('function_calling', 'tools');
  return null;
}
