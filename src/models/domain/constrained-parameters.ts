/** The parameters a model may constrain, and what OpenAI's wire format says of each. */
export const CONSTRAINED_PARAMETERS = [
  'temperature',
  'max_tokens',
  'max_completion_tokens',
  'top_p',
  'top_k',
  'presence_penalty',
  'frequency_penalty',
  'stop',
  'n',
  'seed',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'reasoning_effort',
  'verbosity',
  'response_format',
] as const;

export type ConstrainedParameter = (typeof CONSTRAINED_PARAMETERS)[number];

export const PARAMETER_TYPES = ['number', 'integer', 'boolean', 'string', 'string|string[]', 'object'] as const;

export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** What holds for a parameter of which the model's own constraint says nothing. */
export interface ParameterBaseline {
  type: ParameterType;
  /** The value every provider of this wire format takes when the parameter is absent. */
  default?: number | string | boolean;
  /** Bounds without which a request's price would have no bound. Every other range is the model's own. */
  min?: number;
  max?: number;
  /** Sizes beyond which a value is no parameter but a text: most items, and most characters of one, keys included. */
  maxItems?: number;
  maxItemLength?: number;
  /** As many items as a model's own constraint may allow in place of `maxItems`. */
  maxItemsMost?: number;
  /** No parameter of OpenAI's: supported only where the model's constraints list it. */
  isExtension?: true;
}

/** OpenAI charges for each of up to 128 choices. */
const CHOICES_MAX = 128;
/** Google takes as many, and OpenAI one less. */
const STOPS_MAX = 5;
/** Anthropic publishes no limit; more are no list of sequences. */
const STOPS_MOST = 64;
const STOP_LENGTH_MAX = 256;
const BIASES_MAX = 300;
/** Of a word that says how, and of what names a token or weighs it. */
const WORD_LENGTH_MAX = 32;

export const PARAMETER_BASELINES: Readonly<Record<ConstrainedParameter, ParameterBaseline>> = {
  temperature: { type: 'number', default: 1 },
  max_tokens: { type: 'integer', min: 1 },
  max_completion_tokens: { type: 'integer', min: 1 },
  top_p: { type: 'number', default: 1 },
  top_k: { type: 'integer', isExtension: true },
  presence_penalty: { type: 'number', default: 0 },
  frequency_penalty: { type: 'number', default: 0 },
  stop: { type: 'string|string[]', maxItems: STOPS_MAX, maxItemsMost: STOPS_MOST, maxItemLength: STOP_LENGTH_MAX },
  n: { type: 'integer', default: 1, min: 1, max: CHOICES_MAX },
  seed: { type: 'integer' },
  logit_bias: { type: 'object', maxItems: BIASES_MAX, maxItemLength: WORD_LENGTH_MAX },
  logprobs: { type: 'boolean', default: false },
  top_logprobs: { type: 'integer' },
  reasoning_effort: { type: 'string', maxItemLength: WORD_LENGTH_MAX },
  verbosity: { type: 'string', default: 'medium', maxItemLength: WORD_LENGTH_MAX },
  response_format: { type: 'object' },
};

/** The two names of the output limit. The second is OpenAI's newer one and counts reasoning too. */
export const OUTPUT_LIMITS = ['max_tokens', 'max_completion_tokens'] as const satisfies ConstrainedParameter[];

/** The most items that a parameter may have where a model's own constraint allows `own`: more than others only as far as any may. */
export function maxItemsOf({ maxItems, maxItemsMost }: ParameterBaseline, own: number | undefined): number | undefined {
  if (maxItems === undefined || maxItemsMost === undefined || own === undefined) return maxItems;
  return Math.max(maxItems, Math.min(own, maxItemsMost));
}

export function isConstrainedParameter(name: string): name is ConstrainedParameter {
  return Object.hasOwn(PARAMETER_BASELINES, name);
}

export function isOutputLimit(name: string): boolean {
  return (OUTPUT_LIMITS as readonly string[]).includes(name);
}

/** Whether a value is of the type. An integer is a safe one: beyond that JSON numbers are no longer exact. */
export function isOfType(value: unknown, type: ParameterType): boolean {
  switch (type) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isSafeInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'string|string[]':
      return typeof value === 'string' || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}
