import { formatCredits } from '../common/domain/micro-credits.js';
import type { Tier } from '../common/domain/tiers.js';
import type { Availability } from './domain/availability.js';
import type { CatalogueModel } from './domain/catalogue-model.js';
import type { ModelMeta } from './domain/model-meta.js';
import type { PartRates } from './domain/model-prices.js';
import type { ParameterConstraint } from './domain/parameter-constraint.js';
import { imageLimits, tokensMaxOf, type ImageLimits } from './domain/image-limits.js';
import { offeredParameters } from './domain/offered-parameters.js';
import { decideTierAccess, type TierDecision } from './domain/tier-access.js';
import type { ImageLimitsDto, ModelDto, ParameterDto, PriceDto } from './models.dto.js';

/** Credits are priced per this many tokens. */
const TOKENS_PER_PRICE = 1_000n;

export interface ModelViewTerms {
  tier: Tier;
  availability: Availability;
  /** What is sent as output limit where nobody says otherwise. */
  outputTokensDefault: number;
}

/** A model for the user who asks: OpenAI's members, then what an app needs to offer it and to draw its settings. */
export function toModelView(model: CatalogueModel, terms: ModelViewTerms): ModelDto {
  const { tier, availability, outputTokensDefault } = terms;
  const { meta } = model;
  const access = decideTierAccess(meta, tier);
  const seesImages = meta.capabilities.includes('vision');
  const limits = imageLimits(meta);
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
      imagesMax: seesImages ? limits.imagesMax : 0,
      images: seesImages ? toImageLimits(limits, meta) : null,
    },
    price: toPrice(model),
    available: availability.available,
    unavailableCode: availability.available ? null : availability.code,
    unavailableReason: availability.available ? null : availability.reason,
    tierAllowed: access.allowed,
    ...toUsability(terms, access),
    requiredTier: meta.requiredTier ?? 'free',
    tierRestrictionMode: meta.tierRestrictionMode ?? 'minimum',
    allowedTiers: meta.allowedTiers ?? [],
    isLegacy: model.isLegacy,
    deprecationNotice: meta.deprecationNotice ?? null,
    sunsetDate: meta.sunsetDate ?? null,
    replacementModelId: meta.legacyReplacementModelId ?? null,
    parameters: toParameters(offeredParameters(meta, outputTokensDefault)),
    parameterRules: (meta.parameterRules ?? []).map(({ parameters, unless, reason }) => ({
      parameters,
      unless: { parameter: unless.parameter, in: unless.in },
      reason: reason ?? null,
    })),
  };
}

/** Whether this user may call the model now, and if not, the error code and the reason that a call would get. */
function toUsability(
  { availability, tier }: ModelViewTerms,
  access: TierDecision,
): Pick<ModelDto, 'usable' | 'unusableCode' | 'unusableReason'> {
  if (!availability.available) {
    return { usable: false, unusableCode: availability.code, unusableReason: availability.reason };
  }
  if (access.allowed) return { usable: true, unusableCode: null, unusableReason: null };
  const wanted = access.requiredTier ?? access.allowedTiers?.join(' or ') ?? 'another';
  return {
    usable: false,
    unusableCode: 'tier_required',
    unusableReason: `The model needs the plan ${wanted}; yours is ${tier}.`,
  };
}

function toImageLimits(limits: ImageLimits, { imageTokens }: ModelMeta): ImageLimitsDto {
  return { ...limits, types: [...limits.types], schemes: [...limits.schemes], tokensMax: tokensMaxOf(imageTokens) };
}

function toParameters(offered: Readonly<Record<string, ParameterConstraint>>): Record<string, ParameterDto> {
  const entries = Object.entries(offered);
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
