/** A meta as the documentation shows it: every part that a new model needs, and one constraint of each kind. */
export const META_EXAMPLE = {
  displayName: 'Example Mini',
  description: 'A small model for short answers.',
  capabilities: ['text', 'vision', 'function_calling'],
  contextLength: 128_000,
  maxOutputTokens: 16_384,
  inputCostPerMillionTokens: 250,
  outputCostPerMillionTokens: 2_000,
  creditsPer1kTokens: 0.4,
  requiredTier: 'pro',
  parameterConstraints: {
    temperature: { supported: true, allowedValues: [1], default: 1, reason: 'Only temperature=1 is supported' },
    max_tokens: { supported: true, min: 1, max: 4096, default: 1000, alternativeName: 'max_completion_tokens' },
    top_p: { supported: true, min: 0, max: 1, default: 1, mutuallyExclusiveWith: ['temperature'] },
    stop: { supported: true, maxItems: 4 },
  },
};

/** A request that such constraints refuse, for the try-out. */
export const TRIAL_EXAMPLE = { temperature: 0.2, max_tokens: 9000, n: 1 };
