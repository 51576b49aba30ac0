import { formatCredits } from '../common/domain/micro-credits.js';
import type { Tier } from '../common/domain/tiers.js';
import type { Availability } from './domain/availability.js';
import type { CatalogueModel } from './domain/catalogue-model.js';
import type { ModelMeta } from './domain/model-meta.js';
import type { PartRates } from './domain/model-prices.js';
import type { ParameterConstraint } from './domain/parameter-constraint.js';
import { decideTierAccess } from './domain/tier-access.js';
import type { ModelDto, ParameterDto, PriceDto } from './models.dto.js';

/** Credits are priced per this many tokens. */
const TOKENS_PER_PRICE = 1_000n;

/** A model for the user who asks: OpenAI's members, then what an app needs to offer it and to draw its settings. */
export function toModelView(model: CatalogueModel, tier: Tier, availability: Availability): ModelDto {
  const { meta } = model;
  const access = decideTierAccess(meta, tier);
  return {
    id: model.id,
    object: 'model',
    created: Math.floor(model.createdAt.getTime() / 1000),
    owned_by: model.provider,
    displayName: meta.displayName,
    description: meta.description ?? null,
    version: meta.version ?? null,
    aliases: meta.aliases ?? [],
    capabilities: meta.capabilities,
    limits: {
      contextLength: meta.contextLength,
      maxOutputTokens: meta.maxOutputTokens,
      imagesMax: meta.capabilities.includes('vision') ? (meta.imageTokens?.imagesMax ?? null) : 0,
    },
    price: toPrice(model),
    available: availability.available,
    unavailableCode: availability.available ? null : availability.code,
    unavailableReason: availability.available ? null : availability.reason,
    tierAllowed: access.allowed,
    requiredTier: meta.requiredTier ?? 'free',
    tierRestrictionMode: meta.tierRestrictionMode ?? 'minimum',
    allowedTiers: meta.allowedTiers ?? [],
    isLegacy: model.isLegacy,
    deprecationNotice: meta.deprecationNotice ?? null,
    sunsetDate: meta.sunsetDate ?? null,
    replacementModelId: meta.legacyReplacementModelId ?? null,
    parameters: toParameters(meta),
    parameterRules: (meta.parameterRules ?? []).map(({ parameters, unless, reason }) => ({
      parameters,
      unless: { parameter: unless.parameter, in: unless.in },
      reason: reason ?? null,
    })),
  };
}

function toParameters(meta: ModelMeta): Record<string, ParameterDto> {
  const entries = Object.entries(meta.parameterConstraints ?? {});
  return Object.fromEntries(entries.map(([name, constraint]) => [name, toParameter(constraint)]));
}

function toParameter(constraint: ParameterConstraint): ParameterDto {
  const { alternativeName, onViolation, mutuallyExclusiveWith, ...rest } = constraint;
  return {
    ...rest,
    mutuallyExclusiveWith: mutuallyExclusiveWith ?? [],
    onViolation: onViolation ?? 'reject',
    sentAs: alternativeName ?? null,
  };
}

function toPrice({ prices }: CatalogueModel): PriceDto | null {
  if (!prices) return null;
  return {
    unit: 'credits per 1000 tokens',
    ...toRates(prices.standard.creditsUcr),
    longContext: prices.longContext && {
      aboveInputTokens: prices.longContext.aboveInputTokens,
      ...toRates(prices.longContext.creditsUcr),
    },
  };
}

function toRates({ input, cachedInput, cacheWrite, output, image }: PartRates): Omit<PriceDto, 'unit' | 'longContext'> {
  const show = (ucrPerToken: bigint): string => formatCredits(ucrPerToken * TOKENS_PER_PRICE);
  return {
    input: show(input),
    cachedInput: show(cachedInput),
    cacheWrite: show(cacheWrite),
    output: show(output),
    image: show(image ?? input),
  };
}
