import type { Capability } from '../../src/models/domain/model-meta.js';
import type { ParameterConstraints } from '../../src/models/domain/parameter-constraint.js';
import type { CatalogueEntry } from './catalogue-entry.js';

const CONTEXT_LENGTH = 128_000;
const OUTPUT_TOKENS_MAX = 16_384;

const CONSTRAINTS: ParameterConstraints = {
  temperature: { supported: true, min: 0, max: 2, default: 1 },
  top_p: { supported: true, min: 0, max: 1, default: 1 },
  top_k: { supported: true, min: 1, max: 500 },
  max_tokens: { supported: true, min: 1, max: OUTPUT_TOKENS_MAX },
  max_completion_tokens: { supported: true, min: 1, max: OUTPUT_TOKENS_MAX },
  presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
  frequency_penalty: { supported: true, min: -2, max: 2, default: 0 },
  stop: { supported: true, maxItems: 4 },
  n: { supported: true, min: 1, max: 8, default: 1 },
};

const IMAGE_TOKENS = {
  strategy: 'openai_tiles',
  baseTokens: 85,
  tileTokens: 170,
  perImageMax: 1_445,
  imagesMax: 100,
  imageBytesMax: 20 * 1024 * 1024,
  imageSideMax: 16_384,
} as const;

interface SandboxModel {
  id: string;
  displayName: string;
  description: string;
  capabilities?: Capability[];
  creditsPer1kTokens?: number;
}

function sandboxModel(model: SandboxModel): CatalogueEntry {
  const { id, displayName, description, capabilities = ['text', 'chat'], creditsPer1kTokens = 1 } = model;
  const isEmbedding = capabilities.includes('embedding');
  return {
    id,
    name: id,
    provider: 'sandbox',
    meta: {
      displayName,
      description,
      version: '1',
      capabilities,
      contextLength: CONTEXT_LENGTH,
      maxOutputTokens: isEmbedding ? 0 : OUTPUT_TOKENS_MAX,
      inputCostPerMillionTokens: 0,
      outputCostPerMillionTokens: 0,
      creditsPer1kTokens,
      requiredTier: 'free',
      ...(!isEmbedding && { parameterConstraints: CONSTRAINTS }),
      ...(capabilities.includes('vision') && { imageTokens: IMAGE_TOKENS }),
    },
  };
}

/** Models that need no account: they echo, or fail in one way each. */
export const SANDBOX_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'sandbox-echo',
    displayName: 'Sandbox Echo',
    description: 'Answers with what it was sent, and calls a tool when asked to.',
    capabilities: ['text', 'chat', 'function_calling'] satisfies Capability[],
  },
  {
    id: 'sandbox-vision',
    displayName: 'Sandbox Vision',
    description: 'Takes images and answers with what it was sent.',
    capabilities: ['text', 'chat', 'vision'] satisfies Capability[],
  },
  {
    id: 'sandbox-embedding',
    displayName: 'Sandbox Embedding',
    description: 'Turns text into a vector, the same for the same text.',
    capabilities: ['embedding'] satisfies Capability[],
  },
  {
    id: 'sandbox-exact',
    displayName: 'Sandbox Exact',
    description: 'Reports as usage exactly what was held for the request.',
  },
  {
    id: 'sandbox-free',
    displayName: 'Sandbox Free',
    description: 'Answers like Sandbox Echo and costs nothing.',
    creditsPer1kTokens: 0,
  },
  {
    id: 'sandbox-error-500',
    displayName: 'Sandbox Error 500',
    description: 'Fails as a provider with an internal error does.',
  },
  { id: 'sandbox-timeout', displayName: 'Sandbox Timeout', description: 'Never answers.' },
  {
    id: 'sandbox-drop-mid-stream',
    displayName: 'Sandbox Drop Mid-Stream',
    description: 'Breaks the connection in the middle of an answer.',
  },
  {
    id: 'sandbox-no-usage',
    displayName: 'Sandbox No Usage',
    description: 'Answers without saying what it used.',
  },
  {
    id: 'sandbox-zero-usage',
    displayName: 'Sandbox Zero Usage',
    description: 'Answers and says that it used nothing.',
  },
].map(sandboxModel);
