import { Injectable } from '@nestjs/common';
import { effectiveMaxOutput, largestMaxTokens } from '../credits/domain/hold-estimate.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import { dearestRates, upperBoundUcr } from '../usage/domain/cost.js';
import type { FoundChat, HoldableChat } from './admitted-chat.js';
import { tokensMaxOf } from '../models/domain/image-limits.js';
import { countedBound, inputBound, type BoundTerms } from './prompt.js';
import { ContextLengthExceededError } from './inference.errors.js';
import { COUNT_LIMIT_MS, TokenCounter } from './token-counter.service.js';

/** What a request may cost at most, and what follows from that for the request itself. */
export interface HoldPlan {
  inputTokens: number;
  /** `context`: neither the bytes nor what could be counted in time fit, so all that the model takes at most. */
  inputSource: 'bound' | 'counted' | 'context';
  /** Of one choice; also the limit that is sent upstream. */
  outputTokens: number;
  choices: number;
  amountUcr: bigint;
  parameters: Record<string, unknown>;
  applied: AppliedChange[];
}

/** Bounds a chat before it is sent: by bytes where that fits, by counted tokens where it does not. */
@Injectable()
export class HoldPlanner {
  constructor(private readonly counter: TokenCounter) {}

  /**
   * The plan by bytes, or by `inputTokens` where so few were counted before; by tokens that are counted now only where that does not fit the
   * context. A prompt of which not enough could be counted in time to say that it does not fit either is left to the provider to refuse: how
   * busy this process is must not decide what a model takes.
   * @throws ContextLengthExceededError
   */
  async plan(chat: HoldableChat, inputTokens = Infinity): Promise<HoldPlan> {
    const bytes = inputBound(chat.prompt, boundTerms(chat));
    const bound = Math.min(bytes, inputTokens);
    const source = bound < bytes ? 'counted' : 'bound';
    if (outputFor(chat, bound) === chat.outputLimit.tokens) return this.planOf(chat, bound, source);
    const { most, least } = (await this.countInput(chat)) ?? { most: bound, least: 0 };
    const { contextLength } = chat.model.meta;
    if (Math.min(most, bound) >= contextLength && least < contextLength) {
      return this.planOf(chat, contextLength, 'context');
    }
    return most < bound ? this.planOf(chat, most, 'counted') : this.planOf(chat, bound, source);
  }

  /**
   * The same plan by counted tokens, or null where that is no better.
   * @throws ContextLengthExceededError
   */
  async recount(chat: HoldableChat, plan: HoldPlan, limitMs = COUNT_LIMIT_MS): Promise<HoldPlan | null> {
    if (plan.inputSource === 'counted') return null;
    const counted = await this.countInput(chat, limitMs);
    return counted === null || counted.most >= plan.inputTokens ? null : this.planOf(chat, counted.most, 'counted');
  }

  /** The largest output limit that an available amount covers, or null where not even the input fits. */
  largestMaxTokens(chat: HoldableChat, plan: HoldPlan, availableUcr: bigint): number | null {
    const { inputTokens, choices, outputTokens: maxOutputTokens } = plan;
    return largestMaxTokens(dearestRates(chat.model.prices, inputTokens), {
      availableUcr,
      inputTokens,
      choices,
      maxOutputTokens,
    });
  }

  /** How many tokens the input has at most and at least, as far as there was time to count; null where there was none. */
  private async countInput(
    chat: HoldableChat,
    limitMs = COUNT_LIMIT_MS,
  ): Promise<{ most: number; least: number } | null> {
    const count = await this.counter.measure([chat.prompt.texts, chat.prompt.schemas], limitMs);
    if (count === null) return null;
    const [texts = 0, schemas = 0] = count.counts;
    const most = countedBound(chat.prompt, { texts, schemas }, boundTerms(chat));
    return { most, least: most - count.uncountedBytes };
  }

  private planOf(chat: HoldableChat, inputTokens: number, inputSource: HoldPlan['inputSource']): HoldPlan {
    const { contextLength } = chat.model.meta;
    const { parameter, tokens: limit } = chat.outputLimit;
    const tokens = inputSource === 'context' ? limit : outputFor(chat, inputTokens);
    if (tokens < 1) {
      throw new ContextLengthExceededError({ model: chat.model.id, limit: contextLength, tokens: inputTokens });
    }
    const lowered: AppliedChange = { parameter, action: 'clamped', value: tokens, from: limit };
    return {
      inputTokens,
      inputSource,
      outputTokens: tokens,
      choices: chat.choices,
      amountUcr: upperBoundUcr(chat.model.prices, { inputTokens, outputTokens: tokens * chat.choices }),
      parameters: { ...chat.parameters, [parameter]: tokens },
      applied: tokens < limit ? [...chat.applied, lowered] : chat.applied,
    };
  }
}

/** The limit of one choice beside that much input; 0 where none is left. */
function outputFor({ outputLimit, model }: HoldableChat, inputTokens: number): number {
  return effectiveMaxOutput({
    requested: outputLimit.tokens,
    constraintDefault: null,
    maxOutputTokens: model.meta.maxOutputTokens,
    outputTokensDefault: model.meta.maxOutputTokens,
    contextLength: model.meta.contextLength,
    inputTokens,
  });
}

/** The figures of the model that bound its input. */
export function boundTerms({ model }: Pick<FoundChat, 'model'>): BoundTerms {
  return {
    toolPromptTokens: model.meta.toolPromptTokens ?? 0,
    imageTokensMax: tokensMaxOf(model.meta.imageTokens),
  };
}
