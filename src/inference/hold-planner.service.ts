import { Injectable } from '@nestjs/common';
import { effectiveMaxOutput, largestMaxTokens } from '../credits/domain/hold-estimate.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import { dearestRates, upperBoundUcr } from '../usage/domain/cost.js';
import type { AdmittedChat } from './admitted-chat.js';
import { tokensMaxOf } from '../models/domain/image-limits.js';
import { countedBound, inputBound, type BoundTerms } from './prompt.js';
import { ContextLengthExceededError } from './inference.errors.js';
import { TokenCounter } from './token-counter.service.js';

/** What a request may cost at most, and what follows from that for the request itself. */
export interface HoldPlan {
  inputTokens: number;
  inputSource: 'bound' | 'counted';
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
   * The plan by bytes; by counted tokens only where the bytes do not fit the context.
   * @throws ContextLengthExceededError
   */
  async plan(chat: AdmittedChat): Promise<HoldPlan> {
    const bytes = inputBound(chat.prompt, boundTerms(chat));
    if (outputFor(chat, bytes) === chat.outputLimit.tokens) return this.planOf(chat, bytes, 'bound');
    const counted = await this.countInput(chat);
    return counted !== null && counted < bytes
      ? this.planOf(chat, counted, 'counted')
      : this.planOf(chat, bytes, 'bound');
  }

  /**
   * The same plan by counted tokens, or null where that is no better.
   * @throws ContextLengthExceededError
   */
  async recount(chat: AdmittedChat, plan: HoldPlan): Promise<HoldPlan | null> {
    if (plan.inputSource === 'counted') return null;
    const counted = await this.countInput(chat);
    return counted === null || counted >= plan.inputTokens ? null : this.planOf(chat, counted, 'counted');
  }

  /** The largest output limit that an available amount covers, or null where not even the input fits. */
  largestMaxTokens(chat: AdmittedChat, plan: HoldPlan, availableUcr: bigint): number | null {
    const { inputTokens, choices, outputTokens: maxOutputTokens } = plan;
    return largestMaxTokens(dearestRates(chat.model.prices, inputTokens), {
      availableUcr,
      inputTokens,
      choices,
      maxOutputTokens,
    });
  }

  private async countInput(chat: AdmittedChat): Promise<number | null> {
    const counts = await this.counter.count([chat.prompt.texts, chat.prompt.schemas]);
    if (counts === null) return null;
    const [texts = 0, schemas = 0] = counts;
    return countedBound(chat.prompt, { texts, schemas }, boundTerms(chat));
  }

  private planOf(chat: AdmittedChat, inputTokens: number, inputSource: HoldPlan['inputSource']): HoldPlan {
    const { contextLength } = chat.model.meta;
    const { parameter, tokens: limit } = chat.outputLimit;
    const tokens = outputFor(chat, inputTokens);
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
function outputFor({ outputLimit, model }: AdmittedChat, inputTokens: number): number {
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
export function boundTerms({ model }: Pick<AdmittedChat, 'model'>): BoundTerms {
  return {
    toolPromptTokens: model.meta.toolPromptTokens ?? 0,
    imageTokensMax: tokensMaxOf(model.meta.imageTokens),
  };
}
