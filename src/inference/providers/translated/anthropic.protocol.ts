import { AnthropicLanguageModel } from '@ai-sdk/anthropic/internal';
import type { FetchFunction } from '@ai-sdk/provider-utils';
import type { Dispatcher } from 'undici';
import type { ProviderEndpoint } from '../../../config/provider-endpoints.js';
import { countMarks, isMarked } from '../../wire/prompt-caching.js';
import { ProviderRejection, type ProviderRequest } from '../chat-provider.js';
import { AnthropicUsageTap } from './anthropic-usage-tap.js';
import { budgetOf, NEVER_OFFERED, notOffered, outputLimitOf } from './call-options.js';
import type { Exchange, Protocol } from './protocol.js';
import { fetchThrough } from './provider-fetch.js';

const API_VERSION = '2023-06-01';
/** Least thinking that the API takes. */
const THINKING_TOKENS_MIN = 1_024;
const SAMPLING = ['temperature', 'top_p', 'top_k'] as const;
/** Places of a prompt that can be cached up to; the library leaves out what is beyond, and says nothing. */
const MARKS_MAX = 4;
/** What the API does where nothing is said: left out, nothing is lost. Many clients write it down all the same. */
const HOLDS_ANYWAY: Readonly<Partial<Record<(typeof SAMPLING)[number], number>>> = { temperature: 1, top_p: 1 };
const NOT_OFFERED = ['presence_penalty', 'frequency_penalty', 'seed'] as const;
const UNOFFERED = notOffered({ ...NEVER_OFFERED, presence_penalty: 0, frequency_penalty: 0, seed: null });

/** What is sent, as far as this server looks into it. */
interface SentBody extends Record<string, unknown> {
  max_tokens: number;
  messages: { role: string; content: string | { type: string }[] }[];
  thinking?: { type?: string; budget_tokens?: number };
  tool_choice?: { type?: string };
}

/** Anthropic's Messages API. */
export class AnthropicProtocol implements Protocol {
  readonly signsThinking = true;
  readonly cachesMarked = true;
  readonly unoffered = UNOFFERED;

  constructor(
    private readonly endpoint: ProviderEndpoint,
    private readonly dispatcher: Dispatcher,
  ) {}

  open(request: ProviderRequest, send?: FetchFunction): Exchange {
    const { body } = request;
    refuseUnoffered(request);
    const tap = new AnthropicUsageTap();
    const model = new AnthropicLanguageModel(request.model.name, {
      provider: 'anthropic.messages',
      baseURL: this.endpoint.baseUrl,
      headers: { 'anthropic-version': API_VERSION, ...(this.endpoint.apiKey && { 'x-api-key': this.endpoint.apiKey }) },
      fetch: send ?? fetchThrough(this.dispatcher, (response) => tap.observe(response)),
      transformRequestBody: (sent) => keepToPromise(sent as SentBody, request),
    });
    return {
      model,
      options: {
        providerOptions: {
          anthropic: {
            // The account's own setting would otherwise choose the price.
            serviceTier: 'standard_only',
            // Arguments that are streamed before they are checked may end as no JSON.
            toolStreaming: false,
            ...(body.parallel_tool_calls === false && { disableParallelToolUse: true }),
            ...(isMarked(body) && { cacheControl: { type: 'ephemeral' as const } }),
            ...(body.user && { metadata: { userId: body.user } }),
          },
        },
      },
      usage: () => tap.usage,
      usageSoFar: () => tap.usage,
      providerRequestId: () => tap.requestId,
    };
  }
}

function refuseUnoffered({ body, parameters }: ProviderRequest): void {
  const asked: string[] = NOT_OFFERED.filter((name) => parameters[name]);
  const format = parameters['response_format'] as typeof body.response_format;
  if (format?.type === 'json_object') asked.push('response_format json_object (send a json_schema)');
  if (format?.type === 'json_schema' && !format.json_schema.schema) asked.push('a json_schema without its schema');
  if (asked.length > 0) throw new ProviderRejection(`it does not offer ${asked.join(', ')}`);
  const marks = countMarks(body);
  if (marks > MARKS_MAX)
    throw new ProviderRejection(`it takes at most ${MARKS_MAX} cache_control, and there are ${marks}`);
}

/**
 * What the library made of a request, brought back to what was promised: the output limit is the one that the hold assumed, thinking
 * included, and no parameter was left out on the way.
 */
function keepToPromise(sent: SentBody, { body, parameters }: ProviderRequest): SentBody {
  const lost: string[] = SAMPLING.filter((name) => {
    const asked = parameters[name];
    return asked !== undefined && asked !== HOLDS_ANYWAY[name] && sent[name] !== asked;
  });
  if (mustCall(body) && !FORCING.includes(sent.tool_choice?.type)) lost.push('a tool_choice that forces a call');
  if (lost.length > 0) {
    throw new ProviderRejection(
      `it does not take ${lost.join(', ')} together with the other parameters of this request`,
    );
  }
  refuseForgottenThinking(sent);
  const limit = outputLimitOf(parameters);
  const ofEffort = sent.thinking?.budget_tokens;
  if (ofEffort === undefined) return { ...sent, max_tokens: Math.min(sent.max_tokens, limit) };
  const asked = body.thinking_budget;
  const budget = budgetOf({ ofEffort, asked, least: THINKING_TOKENS_MIN, most: limit, outputLimit: limit });
  return { ...sent, max_tokens: limit, thinking: { ...sent.thinking, budget_tokens: budget } };
}

/** By which a call is forced. A model that thinks takes neither, and the library makes `auto` of them. */
const FORCING: readonly (string | undefined)[] = ['any', 'tool'];

function mustCall({ tools, tool_choice: choice }: ProviderRequest['body']): boolean {
  return Boolean(tools?.length) && (choice === 'required' || (typeof choice === 'object' && choice !== null));
}

const THINKING = ['thinking', 'redacted_thinking'];

/** @throws ProviderRejection where a model is to think on from tools that it called, and is not shown what it had thought: the API refuses that. */
function refuseForgottenThinking({ messages, thinking }: SentBody): void {
  if (thinking?.type !== 'enabled') return;
  const content = messages.findLast(({ role }) => role === 'assistant')?.content;
  if (!Array.isArray(content) || !content.some(({ type }) => type === 'tool_use')) return;
  const last = messages.at(-1)?.content;
  if (!Array.isArray(last) || !last.some(({ type }) => type === 'tool_result')) return;
  if (THINKING.includes(content[0]!.type)) return;
  throw new ProviderRejection(
    'the last assistant message calls tools without what the model had thought: hand it back as it was answered ' +
      '(`thinking_blocks`; in Messages the blocks of thinking; in Responses the items of reasoning with their `encrypted_content`), ' +
      'or ask without reasoning_effort',
  );
}
