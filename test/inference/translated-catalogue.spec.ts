import { Agent } from 'undici';
import { ANTHROPIC_LATER_MODELS } from '../../seeders/catalogue/anthropic-later-models.js';
import { ANTHROPIC_MODELS } from '../../seeders/catalogue/anthropic-models.js';
import { GOOGLE_LATER_MODELS } from '../../seeders/catalogue/google-later-models.js';
import { GOOGLE_MODELS } from '../../seeders/catalogue/google-models.js';
import type { ProviderRequest } from '../../src/inference/providers/chat-provider.js';
import { AnthropicProtocol } from '../../src/inference/providers/translated/anthropic.protocol.js';
import { toCallOptions } from '../../src/inference/providers/translated/call-options.js';
import { GoogleProtocol } from '../../src/inference/providers/translated/google.protocol.js';
import { resolveModelParameters } from '../../src/models/domain/model-parameters.js';
import { REQUEST_ID } from './fakes.js';

/** One value of each constrained parameter that is not what stands for its absence. */
const ASKED: Record<string, unknown> = {
  temperature: 0.5,
  top_p: 0.5,
  top_k: 5,
  presence_penalty: 0.5,
  frequency_penalty: 0.5,
  stop: ['END'],
  n: 2,
  seed: 7,
  logit_bias: { '50256': -100 },
  logprobs: true,
  top_logprobs: 2,
  reasoning_effort: 'low',
  verbosity: 'low',
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } },
};

const endpoint = { baseUrl: 'http://127.0.0.1:1', apiKey: 'key' };
const PROTOCOLS = {
  anthropic: new AnthropicProtocol(endpoint, new Agent()),
  google: new GoogleProtocol(endpoint, new Agent()),
};
/** Its constraints are given as they are, and leave unsaid what it does not take. */
const AS_GIVEN = 'claude-sonnet-4-5';
const ENTRIES = [...ANTHROPIC_MODELS, ...ANTHROPIC_LATER_MODELS, ...GOOGLE_MODELS, ...GOOGLE_LATER_MODELS].filter(
  ({ id }) => id !== AS_GIVEN,
);

/** Fails where a model is said to take what its adapter then refuses: a caller would learn it only from the provider's refusal. */
describe('what the catalogue offers of a translated provider, its adapter takes', () => {
  it.each(ENTRIES.map((entry) => [entry.id, entry] as const))('%s', (_id, { name, provider, meta }) => {
    const refused = Object.entries(ASKED).filter(([parameter, value]) => {
      const resolve = { unsupported: 'reject', outputTokensDefault: 4_096 } as const;
      const { violations, parameters } = resolveModelParameters(meta, { [parameter]: value }, resolve);
      return violations.length === 0 && !isTaken(requestOf(name, parameters), PROTOCOLS[provider as 'google']);
    });
    expect(refused.map(([parameter]) => parameter)).toEqual([]);
  });
});

function isTaken(request: ProviderRequest, protocol: (typeof PROTOCOLS)['google' | 'anthropic']): boolean {
  try {
    protocol.open(request);
    toCallOptions(request);
    return true;
  } catch {
    return false;
  }
}

function requestOf(name: string, parameters: Record<string, unknown>): ProviderRequest {
  return {
    requestId: REQUEST_ID,
    userId: REQUEST_ID,
    createdAt: new Date(0),
    model: { id: name, name },
    body: { model: name, messages: [{ role: 'user', content: 'Hello' }] },
    parameters: { max_tokens: 4_096, ...parameters },
    assumed: { inputTokens: 21, imageTokens: 0, outputTokensPerChoice: 4_096, choices: 1 },
  };
}
