import { AppError } from '../common/errors/app-error.js';
import type { TokenUsage } from '../usage/domain/cost.js';
import type { UsageAttempt } from '../usage/metering.service.js';
import type { HoldRequest } from './chat-hold.service.js';
import type { ChatDialect } from './dialects/chat-dialect.js';
import { boundTerms, type HoldPlan } from './hold-planner.service.js';
import {
  ProviderFailedError,
  ProviderRejectedError,
  ProviderTimeoutError,
  ProviderUnavailableError,
} from './inference.errors.js';
import type { PricedModel } from './model-access.js';
import { recordedParameters } from './domain/recorded-parameters.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import {
  ProviderFailure,
  ProviderRejection,
  type ProviderRequest,
  ProviderUnavailable,
} from './providers/chat-provider.js';
import type { AdmittedChat } from './admitted-chat.js';
import { certainImageTokens, imageTokensOf } from './prompt.js';
import type { TimeLimit } from './providers/time-limit.js';
import { noPlace } from './resilience/places.js';

/** One inference request of one user. */
export interface ChatCall extends HoldRequest {
  chat: AdmittedChat;
  /** Above 1 where another model answers in the place of the one that was asked for. */
  attemptNo?: number;
  /** The analysis that it is for, where it is one's. */
  analysisId?: string;
  startedAt: Date;
  /** How the caller is answered. */
  dialect: ChatDialect;
}

/** The request as the provider gets it. The step of `limit` that it is asked in begins anew once it has its place. */
export function toProviderRequest(call: ChatCall, plan: HoldPlan, limit?: TimeLimit): ProviderRequest {
  const { requestId, userId, chat, startedAt } = call;
  return {
    requestId,
    userId,
    place: limit,
    createdAt: startedAt,
    model: { id: chat.model.id, name: chat.model.name },
    body: chat.body,
    parameters: plan.parameters,
    assumed: {
      inputTokens: plan.inputTokens,
      imageTokens: imageTokensOf(chat.prompt, boundTerms(chat)),
      outputTokensPerChoice: plan.outputTokens,
      choices: plan.choices,
    },
  };
}

/** What the caller learns of a provider's failure. Only messages that an adapter marked as safe are shown. */
export function toProviderError(thrown: unknown, requestId: string, limit: TimeLimit): AppError {
  // The server's own refusal, not the provider's: it stops, or nothing is left to pay with.
  if (thrown instanceof AppError) return thrown;
  if (limit.isExceeded && limit.isWaiting) return noPlace();
  if (limit.isExceeded) return new ProviderTimeoutError(requestId, limit.stepMs);
  if (thrown instanceof ProviderRejection) return new ProviderRejectedError(requestId, thrown.message);
  if (thrown instanceof ProviderUnavailable) return new ProviderUnavailableError(requestId, thrown.retryAfterMs);
  const { message, askedWaitMs } = thrown instanceof ProviderFailure ? thrown : {};
  return new ProviderFailedError(requestId, message, { cause: thrown, askedWaitMs });
}

export interface AttemptFacts {
  usage: ReportedUsage;
  source: TokenUsage['source'];
  outcome: UsageAttempt['outcome'];
  callsTools: boolean;
  providerRequestId: string | null;
  latencyMs: number;
  firstTokenMs: number | null;
  holdMs: number;
}

/** The usage row of one attempt. The prompt is not part of it. */
export function toAttempt({ chat, attemptNo = 1 }: ChatCall, plan: HoldPlan, facts: AttemptFacts): UsageAttempt {
  const images = chargedImages(chat, facts);
  return {
    attemptNo,
    model: chat.model,
    provider: chat.route.provider.name,
    providerRequestId: facts.providerRequestId,
    operation: facts.callsTools ? 'function_call' : 'chat',
    usage: { ...facts.usage, imageCount: chat.prompt.images.length, imageTokens: images.tokens, source: facts.source },
    outcome: facts.outcome,
    latencyMs: Math.round(facts.latencyMs),
    firstTokenMs: facts.firstTokenMs === null ? null : Math.round(facts.firstTokenMs),
    metadata: {
      parameters: { sent: recordedParameters(plan.parameters), applied: plan.applied },
      holdMs: Math.round(facts.holdMs),
      tier: chat.tier,
      ...(chat.redirectedFrom && { redirectedFrom: chat.redirectedFrom.id }),
      ...(chat.prompt.images.length > 0 && { images: images.record }),
    },
  };
}

/**
 * The image tokens that are charged: as the provider reported them, else as they were bounded; where they have a price of their own, only what
 * is certain of the bound, so that no text is charged at it. They are a part of the input, never more than what is left of it beside what was
 * cached. What was expected and what was reported stand beside each other in the row.
 */
function chargedImages(
  chat: AdmittedChat,
  { usage, source }: AttemptFacts,
): { tokens: number; record: { expectedTokens: number; reportedTokens: number | null } } {
  const expectedTokens = imageTokensOf(chat.prompt, boundTerms(chat));
  const reportedTokens = source === 'provider' ? (usage.imageTokens ?? null) : null;
  const room = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  const bound = hasImageRate(chat.model.prices)
    ? certainImageTokens(chat.prompt, boundTerms(chat), usage.inputTokens)
    : expectedTokens;
  return {
    tokens: Math.max(0, Math.min(reportedTokens ?? bound, room)),
    record: { expectedTokens, reportedTokens },
  };
}

function hasImageRate({ standard, longContext }: PricedModel['prices']): boolean {
  return [standard, longContext].some((basis) => basis && (basis.creditsUcr.image ?? basis.costNusd.image) !== null);
}
