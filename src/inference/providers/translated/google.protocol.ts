import { createGoogle } from '@ai-sdk/google';
import { getGoogleLanguageModelEntry } from '@ai-sdk/google/internal';
import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import type { Dispatcher } from 'undici';
import type { ProviderEndpoint } from '../../../config/provider-endpoints.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import { isCount } from '../../wire/wire-usage.js';
import { ProviderRejection, type ProviderRequest } from '../chat-provider.js';
import type { Exchange, Protocol } from './protocol.js';
import { fetchThrough } from './provider-fetch.js';

type RawUsage = LanguageModelV4Usage['raw'];

const PENALTIES = ['presence_penalty', 'frequency_penalty'] as const;

/** Google's Gemini API. */
export class GoogleProtocol implements Protocol {
  readonly signsThinking = false;
  readonly cachesMarked = false;

  constructor(
    private readonly endpoint: ProviderEndpoint,
    private readonly dispatcher: Dispatcher,
  ) {}

  open(request: ProviderRequest): Exchange {
    const { model, parameters } = request;
    refuseUnoffered(request);
    const google = createGoogle({
      baseURL: this.endpoint.baseUrl,
      apiKey: this.endpoint.apiKey ?? '',
      fetch: fetchThrough(this.dispatcher, (response) => Promise.resolve(response)),
    });
    const effort = parameters['reasoning_effort'];
    return {
      model: google(model.name),
      options: {
        providerOptions: {
          google: effort && effort !== 'none' ? { thinkingConfig: { includeThoughts: true } } : {},
        },
      },
      usage: ({ raw }) => readGoogleUsage(raw),
      usageSoFar: (event) => readGoogleUsage((event as { usageMetadata?: RawUsage } | null)?.usageMetadata),
      providerRequestId: () => null,
    };
  }
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
