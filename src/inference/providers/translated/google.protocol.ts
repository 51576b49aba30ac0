import { createGoogle } from '@ai-sdk/google';
import { getGoogleLanguageModelEntry } from '@ai-sdk/google/internal';
import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import { type FetchFunction, mapReasoningToProviderBudget } from '@ai-sdk/provider-utils';
import type { Dispatcher } from 'undici';
import type { ProviderEndpoint } from '../../../config/provider-endpoints.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import { isCount } from '../../wire/wire-usage.js';
import { ProviderRejection, type ProviderRequest } from '../chat-provider.js';
import { budgetOf, effortOf, NEVER_OFFERED, notOffered, outputLimitOf } from './call-options.js';
import type { Exchange, Protocol } from './protocol.js';
import { fetchThrough } from './provider-fetch.js';

type RawUsage = LanguageModelV4Usage['raw'];
type GoogleThinking = { includeThoughts: true; thinkingBudget?: number };

/** What the library does not know of these models: fewer tokens of thinking are refused, but none at all. */
const FLASH_LITE = /2\.5-flash-lite/;
const FLASH_LITE_BUDGET_MIN = 512;
const PENALTIES = ['presence_penalty', 'frequency_penalty'] as const;
const UNOFFERED = notOffered(NEVER_OFFERED);

/** Google's Gemini API. */
export class GoogleProtocol implements Protocol {
  readonly signsThinking = false;
  readonly cachesMarked = false;
  readonly unoffered = UNOFFERED;

  constructor(
    private readonly endpoint: ProviderEndpoint,
    private readonly dispatcher: Dispatcher,
  ) {}

  open(request: ProviderRequest, send?: FetchFunction): Exchange {
    const { model } = request;
    refuseUnoffered(request);
    const google = createGoogle({
      baseURL: this.endpoint.baseUrl,
      apiKey: this.endpoint.apiKey ?? '',
      fetch: send ?? fetchThrough(this.dispatcher, (response) => Promise.resolve(response)),
    });
    return {
      model: google(model.name),
      options: { providerOptions: { google: thinkingOf(request) } },
      usage: ({ raw }) => readGoogleUsage(raw),
      usageSoFar: (event) => readGoogleUsage((event as { usageMetadata?: RawUsage } | null)?.usageMetadata),
      providerRequestId: () => null,
    };
  }
}

/**
 * Thinking inside the output limit, which Gemini counts it against: in tokens where the model takes a budget. Models of the third generation
 * know levels alone, which the library finds.
 */
function thinkingOf({ model, body, parameters }: ProviderRequest): { thinkingConfig?: GoogleThinking } {
  const effort = effortOf(parameters);
  if (effort === undefined || effort === 'none') return {};
  const { capabilities, requestConfig } = getGoogleLanguageModelEntry(model.name);
  const { thinkingFormat, reasoningMaxOutputTokens: maxOutputTokens } = requestConfig.language;
  if (thinkingFormat === 'level') return { thinkingConfig: { includeThoughts: true } };
  const { minBudget, maxBudget: most } = capabilities.language.reasoning;
  const least = FLASH_LITE.test(model.name) ? FLASH_LITE_BUDGET_MIN : minBudget;
  const ofEffort = mapReasoningToProviderBudget({
    reasoning: effort,
    maxOutputTokens,
    maxReasoningBudget: most,
    minReasoningBudget: least,
    warnings: [],
  });
  const outputLimit = outputLimitOf(parameters);
  const thinkingBudget = budgetOf({ ofEffort, asked: body.thinking_budget, least, most, outputLimit });
  return { thinkingConfig: { includeThoughts: true, thinkingBudget } };
}

function refuseUnoffered({ model, body, parameters }: ProviderRequest): void {
  const asked: string[] = [];
  const { capabilities } = getGoogleLanguageModelEntry(model.name);
  if (capabilities.language.sampling.penalties !== true) asked.push(...PENALTIES.filter((name) => parameters[name]));
  if (body.parallel_tool_calls === false) asked.push('parallel_tool_calls: false');
  if (hasRemoteImage(body)) asked.push('images by address (send a data URI)');
  if (asked.length > 0) throw new ProviderRejection(`it does not offer ${asked.join(', ')}`);
}

function hasRemoteImage({ messages }: ProviderRequest['body']): boolean {
  return messages.some(
    ({ content }) =>
      Array.isArray(content) &&
      content.some((part) => part.type === 'image_url' && !part.image_url.url.startsWith('data:')),
  );
}

/**
 * What Gemini counted. Every figure of a stream is the total so far, and the library hands on the last. Thoughts are told apart from the
 * output, and what tools put into the prompt apart from the prompt; both are billed.
 */
export function readGoogleUsage(raw: RawUsage): ReportedUsage | null {
  if (!raw) return null;
  const figure = (name: string): unknown => raw[name] ?? 0;
  const prompt = figure('promptTokenCount');
  const tools = figure('toolUsePromptTokenCount');
  const cached = figure('cachedContentTokenCount');
  const candidates = figure('candidatesTokenCount');
  const thoughts = figure('thoughtsTokenCount');
  if (!isCount(prompt) || !isCount(tools) || !isCount(cached) || !isCount(candidates) || !isCount(thoughts))
    return null;
  // A total of nothing but its name is no report.
  if (raw['promptTokenCount'] === undefined && raw['totalTokenCount'] === undefined) return null;
  const inputTokens = prompt + tools;
  const outputTokens = candidates + thoughts;
  if (cached > inputTokens || !isCount(inputTokens) || !isCount(outputTokens)) return null;
  const imageTokens = imageTokensOf(raw['promptTokensDetails']);
  return {
    inputTokens,
    cachedInputTokens: cached,
    cacheWriteTokens: 0,
    ...(imageTokens !== null && { imageTokens }),
    outputTokens,
    reasoningTokens: thoughts,
  };
}

/** The part of the prompt that was images, where it is told. */
function imageTokensOf(details: unknown): number | null {
  if (!Array.isArray(details)) return null;
  const images = (details as { modality?: unknown; tokenCount?: unknown }[]).find(
    ({ modality }) => modality === 'IMAGE',
  );
  return isCount(images?.tokenCount) ? images.tokenCount : null;
}
