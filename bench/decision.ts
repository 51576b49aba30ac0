import { Ajv } from 'ajv';
import { z } from 'zod';
import { ChatCompletionBody } from '../src/inference/wire/chat-completion.js';
import { decideAvailability } from '../src/models/domain/availability.js';
import { ModelMeta } from '../src/models/domain/model-meta.js';
import { resolveModelParameters } from '../src/models/domain/model-parameters.js';
import { modelPrices } from '../src/models/domain/model-prices.js';
import { decideTierAccess } from '../src/models/domain/tier-access.js';

/** Twelve parameters, each constrained, with a rename and a relation, so that the engine has everything to do that it can have to do. */
const META = ModelMeta.parse({
  displayName: 'Bench',
  capabilities: ['text', 'chat'],
  contextLength: 128_000,
  maxOutputTokens: 16_384,
  inputCostPerMillionTokens: 1_000,
  outputCostPerMillionTokens: 2_000,
  creditsPer1kTokens: 1,
  requiredTier: 'pro',
  parameterConstraints: {
    temperature: { supported: true, min: 0, max: 2, default: 1 },
    top_p: { supported: true, min: 0, max: 1, default: 1 },
    top_k: { supported: true, min: 1, max: 500 },
    max_tokens: { supported: true, min: 1, max: 4_096, default: 1_000, alternativeName: 'max_completion_tokens' },
    presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
    frequency_penalty: { supported: true, min: -2, max: 2, default: 0, mutuallyExclusiveWith: ['logprobs'] },
    stop: { supported: true, maxItems: 4, maxItemLength: 64 },
    n: { supported: true, min: 1, max: 8, default: 1 },
    seed: { supported: true, min: 0 },
    reasoning_effort: { supported: true, allowedValues: ['none', 'low', 'high'], default: 'none' },
    verbosity: { supported: true, allowedValues: ['low', 'medium', 'high'] },
    logit_bias: { supported: true, maxItems: 100 },
  },
  parameterRules: [{ parameters: ['temperature'], unless: { parameter: 'reasoning_effort', in: ['none'] } }],
});
const MODEL = { isArchived: false, isAvailable: true, meta: META, prices: modelPrices(META) };

const PARAMETERS = {
  temperature: 0.5,
  top_p: 0.9,
  top_k: 40,
  max_tokens: 500,
  presence_penalty: 0.1,
  frequency_penalty: 0.1,
  stop: ['one', 'two'],
  n: 2,
  seed: 7,
  reasoning_effort: 'none',
  verbosity: 'low',
  logit_bias: { 50_256: -100 },
};

/** The same rules as far as JSON Schema can say them. */
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    temperature: { type: 'number', minimum: 0, maximum: 2 },
    top_p: { type: 'number', minimum: 0, maximum: 1 },
    top_k: { type: 'integer', minimum: 1, maximum: 500 },
    max_tokens: { type: 'integer', minimum: 1, maximum: 4_096 },
    presence_penalty: { type: 'number', minimum: -2, maximum: 2 },
    frequency_penalty: { type: 'number', minimum: -2, maximum: 2 },
    stop: {
      anyOf: [
        { type: 'string', maxLength: 64 },
        { type: 'array', maxItems: 4, items: { type: 'string', maxLength: 64 } },
      ],
    },
    n: { type: 'integer', minimum: 1, maximum: 8 },
    seed: { type: 'integer', minimum: 0 },
    reasoning_effort: { enum: ['none', 'low', 'high'] },
    verbosity: { enum: ['low', 'medium', 'high'] },
    logit_bias: { type: 'object', maxProperties: 100, additionalProperties: { type: 'number' } },
  },
};

const ITERATIONS = 200_000;
const ROUNDS = 7;

const BODY = {
  model: 'bench',
  messages: [
    { role: 'system', content: 'You are brief.' },
    { role: 'user', content: 'What is the capital of France?' },
    { role: 'assistant', content: 'Paris.' },
    { role: 'user', content: [{ type: 'text', text: 'And of Spain?' }] },
  ],
  ...PARAMETERS,
};

/** The body's own schema, with the rules of the parameters in it. */
const { $schema: _dialect, ...WIRE } = z.toJSONSchema(ChatCompletionBody, { io: 'input', unrepresentable: 'any' });
const BODY_SCHEMA = { ...WIRE, properties: { ...WIRE.properties, ...SCHEMA.properties } };

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false });
const validateParameters = ajv.compile(SCHEMA);
const validateBody = ajv.compile(BODY_SCHEMA);

function decide(): boolean {
  const isOpen = decideAvailability(MODEL, true).available && decideTierAccess(META, 'pro').allowed;
  const resolved = resolveModelParameters(META, PARAMETERS, { outputTokensDefault: 4_096 });
  return isOpen && resolved.violations.length === 0;
}

/** Nanoseconds of one call, the median of interleaved rounds. */
function measure(works: Record<string, () => boolean>): Record<string, number> {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(works)) {
      const began = process.hrtime.bigint();
      for (let index = 0; index < ITERATIONS; index++) if (!work()) throw new Error(`${name} refused the parameters`);
      (times[name] ??= []).push(Number(process.hrtime.bigint() - began) / ITERATIONS);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, found]) => [name, found.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!]),
  );
}

for (const [name, nanoseconds] of Object.entries(
  measure({
    'access and constraint decision': decide,
    'JSON schema of the body': () => validateBody(BODY),
    'JSON schema of the parameters': () => validateParameters(PARAMETERS),
  }),
)) {
  process.stdout.write(`${name.padEnd(32)} ${nanoseconds.toFixed(0).padStart(8)} ns\n`);
}
