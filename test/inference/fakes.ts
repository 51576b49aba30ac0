import { Clock } from '../../src/common/clock.js';
import type { CreditsService } from '../../src/credits/credits.service.js';
import { ChatAttempts } from '../../src/inference/chat-attempts.service.js';
import type { FallbackPlanner } from '../../src/inference/fallback-planner.service.js';
import type { ChatCall } from '../../src/inference/chat-call.js';
import { ChatHoldService } from '../../src/inference/chat-hold.service.js';
import { CHAT_COMPLETIONS } from '../../src/inference/dialects/chat-completions/chat-completions.dialect.js';
import { HoldPlanner } from '../../src/inference/hold-planner.service.js';
import { InFlightRequests } from '../../src/inference/in-flight-requests.js';
import { InferenceService } from '../../src/inference/inference.service.js';
import { OverrunGuard } from '../../src/inference/overrun-guard.service.js';
import { readPrompt } from '../../src/inference/prompt.js';
import type {
  ChatProvider,
  DisconnectPolicy,
  ProviderAnswer,
  ProviderEvent,
} from '../../src/inference/providers/chat-provider.js';
import type { ReportedUsage } from '../../src/inference/domain/reported-usage.js';
import type { ErrorRecorder } from '../../src/inference/resilience/error-recorder.service.js';
import type { TokenCounter } from '../../src/inference/token-counter.service.js';
import { UsageEstimator } from '../../src/inference/usage-estimator.service.js';
import type { ChatCompletionChunk } from '../../src/inference/wire/chat-answer.js';
import { parseChat } from '../../src/inference/wire/parse-chat.js';
import { modelPrices } from '../../src/models/domain/model-prices.js';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';
import type { ApiUsageCounter } from '../../src/monitoring/api-usage/api-usage-counter.service.js';
import type { MeteringService, ReserveRequest, SettleRequest, UsageAttempt } from '../../src/usage/metering.service.js';
import { testConfig } from '../support/test-config.js';

export const REQUEST_ID = '0197c000-0000-7000-8000-000000000001';

/** Records what happens to holds; the money itself is tested elsewhere. */
export class RecordingMetering {
  reserved: ReserveRequest[] = [];
  settled: UsageAttempt[] = [];
  voided: string[] = [];
  /** Thrown by the next calls, in order. */
  reserveFailures: Error[] = [];
  settleFailures: Error[] = [];
  voidFailures: Error[] = [];

  async reserve(request: ReserveRequest) {
    const failure = this.reserveFailures.shift();
    if (failure) throw failure;
    this.reserved.push(request);
    return { ...request, heldAt: new Date(0), availableUcr: 0n, limits: [] };
  }

  async settle(request: SettleRequest) {
    const failure = this.settleFailures.shift();
    if (failure) throw failure;
    this.settled.push(...request.attempts);
    return { chargedUcr: 12_000n, availableUcr: 9_900_000n, newDebtUcr: 0n, state: 'settled' as const };
  }

  async void(_hold: { requestId: string; userId: string }, reason: string) {
    const failure = this.voidFailures.shift();
    if (failure) throw failure;
    this.voided.push(reason);
  }

  get ended(): number {
    return this.settled.length + this.voided.length;
  }
}

/** As a provider hands on events that arrive one by one. */
async function* oneByOne(events: AsyncIterable<ProviderEvent>): AsyncGenerator<ProviderEvent[]> {
  for await (const event of events) yield [event];
}

export interface Script {
  events?: AsyncIterable<ProviderEvent>;
  answer?: () => Promise<ProviderAnswer>;
  onDisconnect?: DisconnectPolicy;
}

export function scriptedProvider(script: Script): ChatProvider & { signal: AbortSignal | null } {
  return {
    name: 'scripted',
    cachesMarked: false,
    onDisconnect: script.onDisconnect ?? { kind: 'drain', capMs: 5_000 },
    signal: null,
    refuses: () => Promise.resolve(null),
    complete(_request, signal) {
      this.signal = signal;
      if (!script.answer) throw new Error('no answer scripted');
      return script.answer();
    },
    stream(_request, signal) {
      this.signal = signal;
      if (!script.events) throw new Error('no events scripted');
      return oneByOne(script.events);
    },
  };
}

export const USAGE: ReportedUsage = {
  inputTokens: 9,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 4,
  reasoningTokens: 0,
};

export const ANSWER: ProviderAnswer = {
  completion: {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'scripted',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  },
  usage: USAGE,
  providerRequestId: 'upstream-1',
};

export function chunk(content: string): ProviderEvent {
  const body: ChatCompletionChunk = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'scripted',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  };
  return { kind: 'chunk', chunk: body };
}

export function usageEvent(usage: ReportedUsage = USAGE): ProviderEvent {
  return { kind: 'usage', usage, providerRequestId: 'upstream-1' };
}

export interface Bench {
  service: InferenceService;
  metering: RecordingMetering;
  inFlight: InFlightRequests;
  callOf(body?: Record<string, unknown>): ChatCall;
}

const META: ModelMeta = {
  displayName: 'Scripted',
  capabilities: ['text', 'chat'],
  contextLength: 8_000,
  maxOutputTokens: 4_000,
  inputCostPerMillionTokens: 1_000,
  outputCostPerMillionTokens: 1_000,
  creditsPer1kTokens: 1,
};

const NO_FALLBACKS = {
  async *candidates() {},
} as unknown as FallbackPlanner;

const NO_RECORDER = { note: () => undefined } as unknown as ErrorRecorder;

export interface BenchOptions {
  timeoutMs?: number;
  /** What the counter answers: the same to everyone, or by the texts. */
  counts?: number[] | null | ((groups: string[][]) => number[]);
  /** Told how long each count may take. */
  noteLimit?: (limitMs: number) => void;
  /** How much of it there was no time for. */
  uncountedBytes?: number;
  /** What is left beside the hold. */
  availableUcr?: bigint;
}

/** The service with a scripted provider, a recording meter and a counter of words. */
export function bench(provider: ChatProvider, options: BenchOptions = {}): Bench {
  const metering = new RecordingMetering();
  const inFlight = new InFlightRequests();
  const { counts = [3, 2], availableUcr = 1_000_000_000n } = options;
  const count = (groups: string[][]) => Promise.resolve(typeof counts === 'function' ? counts(groups) : counts);
  const counter = {
    count: (groups: string[][], limitMs: number) => {
      options.noteLimit?.(limitMs);
      return count(groups);
    },
    measure: async (groups: string[][], limitMs: number) => {
      options.noteLimit?.(limitMs);
      const counted = await count(groups);
      return counted && { counts: counted, uncountedBytes: options.uncountedBytes ?? 0 };
    },
  };
  const credits = { balance: () => Promise.resolve({ availableUcr, nextGrantAt: null }) };
  const tokens = counter as unknown as TokenCounter;
  const service = new InferenceService(
    new ChatHoldService(
      new HoldPlanner(tokens),
      metering as unknown as MeteringService,
      new OverrunGuard(tokens, credits as unknown as CreditsService, new Clock()),
      { charge: () => undefined } as unknown as ApiUsageCounter,
    ),
    new UsageEstimator(tokens),
    inFlight,
    new ChatAttempts(
      inFlight,
      testConfig({ PROVIDER_TIMEOUT_MS: String(options.timeoutMs ?? 1_000) }),
      NO_FALLBACKS,
      NO_RECORDER,
    ),
  );
  const prices = modelPrices(META);
  if (!prices) throw new Error('the scripted model has no price');
  return {
    service,
    metering,
    inFlight,
    callOf: (change = {}) => {
      const raw = { model: 'scripted', messages: [{ role: 'user', content: 'Hello' }], ...change };
      const { body } = parseChat(raw, { dropUnsupported: false });
      const model = {
        id: 'scripted',
        name: 'scripted',
        provider: 'scripted',
        isAvailable: true,
        isLegacy: false,
        isArchived: false,
        meta: META,
        versionNo: 1,
        createdAt: new Date(0),
        prices,
      };
      const route = { provider, isSandbox: false };
      return {
        requestId: REQUEST_ID,
        userId: 'user',
        accessId: 'access',
        startedAt: new Date(0),
        dialect: CHAT_COMPLETIONS,
        chat: {
          body,
          prompt: readPrompt(body),
          dropped: [],
          model,
          route,
          tier: 'free',
          parameters: { max_tokens: 100 },
          applied: [],
          outputLimit: { parameter: 'max_tokens', tokens: 100 },
          choices: 1,
        },
      };
    },
  };
}
