import { Injectable } from '@nestjs/common';
import type { AdmittedChat } from './admitted-chat.js';
import { estimateUsage } from './domain/usage-estimate.js';
import { boundTerms, type HoldPlan } from './hold-planner.service.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import { imageTokensOf } from './prompt.js';
import { DECISIVE_COUNT_LIMIT_MS, TokenCounter } from './token-counter.service.js';

/** Estimates the usage of an answer whose provider reported none. */
@Injectable()
export class UsageEstimator {
  constructor(private readonly counter: TokenCounter) {}

  /** What the prompt and the text that arrived count, never more than the hold assumed. */
  async estimate(chat: AdmittedChat, plan: HoldPlan, generated: string): Promise<ReportedUsage> {
    const texts = [[...chat.prompt.texts, ...chat.prompt.schemas], [generated]];
    const counts = await this.counter.count(texts, DECISIVE_COUNT_LIMIT_MS);
    const terms = boundTerms(chat);
    return estimateUsage({
      messageCount: chat.prompt.messageCount,
      toolPromptTokens: chat.prompt.hasTools ? terms.toolPromptTokens : 0,
      imageTokens: imageTokensOf(chat.prompt, terms),
      counted: counts === null ? null : { prompt: counts[0] ?? 0, generated: counts[1] ?? 0 },
      generatedBytes: Buffer.byteLength(generated, 'utf8'),
      inputTokensMax: plan.inputTokens,
      outputTokensMax: plan.outputTokens * plan.choices,
    });
  }
}
