/** The style of the names that are asked for. Each has its own versioned prompt. */
export const GENERATION_MODES = ['creative', 'professional', 'brandable', 'tech-focused'] as const;
export type GenerationMode = (typeof GENERATION_MODES)[number];

/** Models of one run: enough to compare, few enough to wait for. */
export const MODELS_MAX = 5;
/** Names that one model is asked for. */
export const NAMES_MAX = 50;
export const NAMES_DEFAULT = 10;
/** What `name_suggestions.ai_model` and the performance of models have room for; a model with a longer id cannot be credited. */
export const MODEL_ID_LENGTH_MAX = 50;
