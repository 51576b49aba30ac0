import { z } from 'zod';
import { TIERS } from '../../common/domain/tiers.js';
import { STRATEGY_NUMBERS, strategyMax } from './image-tokens.js';
import { OUTPUT_LIMITS } from './constrained-parameters.js';
import { constraintDocumentIssues } from './constraint-document.js';
import type { DocumentIssue } from './document-issue.js';
import {
  ParameterConstraint,
  ParameterRule,
  StoredParameterConstraint,
  StoredParameterRule,
} from './parameter-constraint.js';
import { planOf } from './parameter-plan.js';
import { TIER_RESTRICTION_MODES } from './tier-access.js';

export const CAPABILITIES = [
  'text',
  'chat',
  'vision',
  'function_calling',
  'code',
  'long_context',
  'embedding',
] as const;

export type Capability = (typeof CAPABILITIES)[number];

/** Any of these makes a model one that chats. */
export const CHAT_CAPABILITIES: readonly Capability[] = ['text', 'chat'];

export const IMAGE_STRATEGIES = ['openai_tiles', 'openai_patches', 'anthropic_patches', 'gemini_tiles'] as const;

export const MODEL_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/;

/** 1 000 USD per million tokens, far above any price known: a larger figure is a wrong unit. */
const COST_MAX = 1_000_000;
/** 1 000 000 credits per 1 000 tokens, so that no price of one request leaves the range of a bigint column. */
const CREDITS_MAX = 1_000_000;
const TOKENS_MAX = 100_000_000;
const ALIASES_MAX = 20;
/** Models that are tried in the place of one whose provider fails: each keeps the caller waiting. */
export const FALLBACKS_MAX = 4;

/** Thousandths of a USD per million tokens, which is the same number of nano-USD per token. */
const cost = z.int().min(0).max(COST_MAX);

/** Credits per 1 000 tokens. At most 3 decimals make a whole number of micro-credits per token. */
const creditRate = z
  .number()
  .min(0)
  .max(CREDITS_MAX)
  .refine((rate) => /^\d+(\.\d{1,3})?$/.test(String(rate)), 'must have at most 3 digits after the point');

const tokens = z.int().min(1).max(TOKENS_MAX);
const modelId = z.string().regex(MODEL_ID_PATTERN, 'must be 1 to 100 letters, digits or . _ : / -');

const costShape = {
  input: cost.optional(),
  cachedInput: cost.optional(),
  cacheWrite: cost.optional(),
  output: cost.optional(),
  image: cost.optional(),
};

const creditRateShape = {
  input: creditRate.optional(),
  cachedInput: creditRate.optional(),
  cacheWrite: creditRate.optional(),
  output: creditRate.optional(),
  image: creditRate.optional(),
};

/** How an image becomes tokens. Which numbers a strategy needs is the strategy's; the maximum per image bounds a hold whatever the size. */
const imageTokensShape = {
  strategy: z.enum(IMAGE_STRATEGIES),
  perImageMax: tokens,
  perImageMin: tokens.optional(),
  baseTokens: tokens.optional(),
  tileTokens: tokens.optional(),
  patchSize: tokens.optional(),
  patchBudget: tokens.optional(),
  sideMax: tokens.optional(),
  /** Thousandths by which patches are multiplied: 1620 is 1.62. */
  multiplierThousandths: z.int().min(1).max(1_000_000).optional(),
  originalPatchBudget: tokens.optional(),
  originalSideMax: tokens.optional(),
  autoDetail: z.enum(['high', 'original']).optional(),
  tiling: z.enum(['grid', 'crops', 'larger']).optional(),
  imagesMax: z.int().min(1).max(10_000).optional(),
  imageBytesMax: z.int().min(1).optional(),
  imageSideMin: z.int().min(1).optional(),
  imageSideMax: z.int().min(1).optional(),
};

const plainShape = {
  displayName: z.string().min(1).max(255),
  description: z.string().max(2_000).optional(),
  version: z.string().max(100).optional(),
  aliases: z.array(modelId).max(ALIASES_MAX).optional(),
  capabilities: z.array(z.enum(CAPABILITIES)).min(1),
  contextLength: tokens,
  maxOutputTokens: z.int().min(0).max(TOKENS_MAX),
  toolPromptTokens: z.int().min(0).max(TOKENS_MAX).optional(),
  inputCostPerMillionTokens: cost.optional(),
  outputCostPerMillionTokens: cost.optional(),
  creditsPer1kTokens: creditRate.optional(),
  requiredTier: z.enum(TIERS).optional(),
  tierRestrictionMode: z.enum(TIER_RESTRICTION_MODES).optional(),
  allowedTiers: z.array(z.enum(TIERS)).optional(),
  legacyReplacementModelId: modelId.optional(),
  deprecationNotice: z.string().max(2_000).optional(),
  sunsetDate: z.iso.date().optional(),
  providerMetadata: z.record(z.string(), z.unknown()).optional(),
};

/** All of a model that varies. Strict: what is not named here is refused on write. */
export const ModelMeta = z
  .strictObject({
    ...plainShape,
    providerCosts: z.strictObject(costShape).omit({ input: true, output: true }).optional(),
    creditRates: z.strictObject(creditRateShape).optional(),
    longContext: z
      .strictObject({
        aboveInputTokens: tokens,
        costs: z.strictObject(costShape),
        creditRates: z.strictObject(creditRateShape).optional(),
      })
      .optional(),
    parameterConstraints: z.record(z.string(), ParameterConstraint).optional(),
    parameterRules: z.array(ParameterRule).max(100).optional(),
    imageTokens: z.strictObject(imageTokensShape).optional(),
  })
  .superRefine((meta, context) => {
    for (const { path, message } of documentIssues(meta)) context.addIssue({ code: 'custom', path, message });
  });

export type ModelMeta = z.infer<typeof ModelMeta>;

/** The same document as it may stand in the row: keys that this version does not know survive. */
export const StoredModelMeta = z.looseObject({
  ...plainShape,
  providerCosts: z.looseObject(costShape).optional(),
  creditRates: z.looseObject(creditRateShape).optional(),
  longContext: z
    .looseObject({
      aboveInputTokens: tokens,
      costs: z.looseObject(costShape),
      creditRates: z.looseObject(creditRateShape).optional(),
    })
    .optional(),
  parameterConstraints: z.record(z.string(), StoredParameterConstraint).optional(),
  parameterRules: z.array(StoredParameterRule).optional(),
  imageTokens: z.looseObject(imageTokensShape).optional(),
});

/**
 * Any document at all: what operators see and repair. A newer version, or a statement past this program, may have stored what it cannot read;
 * the catalogue leaves such a model out, and the others stay in operators' hands.
 */
export const AnyModelMeta = z.looseObject({});

function documentIssues(meta: ModelMeta): DocumentIssue[] {
  return [
    ...priceIssues(meta),
    ...tierIssues(meta),
    ...limitIssues(meta),
    ...imageIssues(meta),
    ...constraintDocumentIssues(meta.parameterConstraints ?? {}, meta.parameterRules ?? []),
    ...outputIssues(meta),
    ...freeFormIssues(meta),
  ];
}

/**
 * The rest of `providerMetadata` is free form; of these words one decides what is charged to a client that left, the other who answers where
 * the provider fails, which nobody would miss before it does.
 */
function freeFormIssues({ providerMetadata }: ModelMeta): DocumentIssue[] {
  const { onDisconnect: policy = 'drain', fallbacks = [] } = providerMetadata ?? {};
  const issues: DocumentIssue[] = [];
  if (policy !== 'drain' && policy !== 'cancel') {
    issues.push({ path: ['providerMetadata', 'onDisconnect'], message: "must be 'drain' or 'cancel'" });
  }
  if (!z.array(modelId).max(FALLBACKS_MAX).safeParse(fallbacks).success) {
    const message = `must be a list of at most ${FALLBACKS_MAX} ids of models`;
    issues.push({ path: ['providerMetadata', 'fallbacks'], message });
  }
  return issues;
}

/** Half a price would charge wrongly, so a model has both costs and a credit rate for both directions, or no price at all. */
function priceIssues(meta: ModelMeta): DocumentIssue[] {
  const {
    inputCostPerMillionTokens: input,
    outputCostPerMillionTokens: output,
    creditsPer1kTokens,
    creditRates,
  } = meta;
  const parts = {
    inputCostPerMillionTokens: input,
    outputCostPerMillionTokens: output,
    creditsPer1kTokens: creditsPer1kTokens ?? (creditRates?.output === undefined ? undefined : creditRates.input),
  };
  const missing = Object.entries(parts).filter(([, value]) => value === undefined);
  const hasOthers = creditRates !== undefined || meta.providerCosts !== undefined || meta.longContext !== undefined;
  if (missing.length === 0 || (missing.length === 3 && !hasOthers)) return [];
  return missing.map(([key]) => ({ path: [key], message: 'is missing: a priced model has its costs and its credits' }));
}

function tierIssues(meta: ModelMeta): DocumentIssue[] {
  const { tierRestrictionMode: mode, allowedTiers = [], requiredTier } = meta;
  if (mode === 'whitelist' && allowedTiers.length === 0) {
    return [{ path: ['allowedTiers'], message: 'must name at least one tier where tierRestrictionMode is whitelist' }];
  }
  if (mode === 'exact' && requiredTier === undefined) {
    return [{ path: ['requiredTier'], message: 'must be named where tierRestrictionMode is exact' }];
  }
  if (mode !== 'whitelist' && allowedTiers.length > 0) {
    return [{ path: ['allowedTiers'], message: 'applies only where tierRestrictionMode is whitelist' }];
  }
  return [];
}

function limitIssues(meta: ModelMeta): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  if (meta.maxOutputTokens > meta.contextLength) {
    issues.push({ path: ['maxOutputTokens'], message: 'must not be above contextLength' });
  }
  if (new Set(meta.capabilities).size < meta.capabilities.length) {
    issues.push({ path: ['capabilities'], message: 'must name each capability once' });
  }
  if (new Set(meta.aliases).size < (meta.aliases?.length ?? 0)) {
    issues.push({ path: ['aliases'], message: 'must name each alias once' });
  }
  if (meta.longContext && meta.longContext.aboveInputTokens >= meta.contextLength) {
    issues.push({ path: ['longContext', 'aboveInputTokens'], message: 'must be below contextLength' });
  }
  return issues;
}

/** A strategy without its numbers counts nothing, and a maximum below what it can count would hold too little. */
function imageIssues({ imageTokens: terms }: ModelMeta): DocumentIssue[] {
  if (!terms) return [];
  const missing = STRATEGY_NUMBERS[terms.strategy].filter((name) => terms[name] === undefined);
  if (missing.length > 0) {
    return missing.map((name) => ({ path: ['imageTokens', name], message: `is needed for ${terms.strategy}` }));
  }
  const issues: DocumentIssue[] = [];
  const most = strategyMax(terms);
  if (most !== null && terms.perImageMax < most) {
    issues.push({
      path: ['imageTokens', 'perImageMax'],
      message: `must be at least ${most}, which ${terms.strategy} can make of an image with these numbers`,
    });
  }
  for (const [low, high] of [
    ['perImageMin', 'perImageMax'],
    ['imageSideMin', 'imageSideMax'],
  ] as const) {
    const [least, greatest] = [terms[low], terms[high]];
    if (least !== undefined && greatest !== undefined && least > greatest) {
      issues.push({ path: ['imageTokens', low], message: `must not be above ${high}` });
    }
  }
  if ((terms.originalPatchBudget === undefined) !== (terms.originalSideMax === undefined)) {
    issues.push({ path: ['imageTokens', 'originalPatchBudget'], message: 'goes together with originalSideMax' });
  }
  return issues;
}

/** The output limit is sent with every chat, so there must be a name for it, and what is sent unasked must be what the model can keep. */
function outputIssues({ capabilities, maxOutputTokens, parameterConstraints = {} }: ModelMeta): DocumentIssue[] {
  if (!CHAT_CAPABILITIES.some((capability) => capabilities.includes(capability))) return [];
  if (maxOutputTokens < 1) {
    return [{ path: ['maxOutputTokens'], message: 'must be at least 1 for a model that chats' }];
  }
  if (planOf(parameterConstraints).limit === null) {
    const path = ['parameterConstraints', 'max_completion_tokens', 'supported'];
    return [
      { path, message: 'must be true here or for max_tokens: what a chat may cost is bounded by one of the two' },
    ];
  }
  return OUTPUT_LIMITS.flatMap((name) =>
    (['min', 'default'] as const).flatMap((key) => {
      const value = parameterConstraints[name]?.[key];
      if (typeof value !== 'number' || value <= maxOutputTokens) return [];
      return [{ path: ['parameterConstraints', name, key], message: 'must not be above maxOutputTokens' }];
    }),
  );
}
