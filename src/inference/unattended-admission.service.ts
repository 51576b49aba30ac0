import { Injectable } from '@nestjs/common';
import { CatalogueService } from '../models/catalogue.service.js';
import { AdmissionService } from './admission.service.js';
import type { AdmittedChat } from './admitted-chat.js';
import { HoldPlanner, type HoldPlan } from './hold-planner.service.js';
import type { PricedModel } from './model-access.js';
import { parseChat } from './wire/parse-chat.js';

/** A chat that passed the guards, and what it may cost. */
export interface BoundChat {
  chat: AdmittedChat;
  plan: HoldPlan;
}

/** What was settled about a chat when its hold was taken. */
export interface HeldTerms {
  /** It is priced as this version of its model was, and goes to no other model. */
  versionNo?: number | undefined;
  /** What its input was bounded by: it fits as it did then, whether or not there is time to count it again. */
  inputTokens?: number | undefined;
}

/** The guards of chats that no client waits for: the same, in the same order, as those of every other. */
@Injectable()
export class UnattendedAdmission {
  constructor(
    private readonly admission: AdmissionService,
    private readonly planner: HoldPlanner,
    private readonly catalogue: CatalogueService,
  ) {}

  /**
   * `body` is one of Chat Completions.
   * @throws ModelNotFoundError, ContextLengthExceededError and every other refusal of a chat
   */
  async admit(body: object, userId: string, { versionNo, inputTokens }: HeldTerms = {}): Promise<BoundChat> {
    const parsed = parseChat(body, { dropUnsupported: false });
    const { chat, refusal } = await this.admission.decideAccess(parsed, userId, { isFixed: versionNo !== undefined });
    if (refusal) throw refusal;
    const model = versionNo === undefined ? chat.model : await this.catalogue.atVersion(chat.model, versionNo);
    const admitted = this.admission.resolve({ ...chat, model: model as PricedModel }, 'reject');
    return { chat: admitted, plan: await this.planner.plan(admitted, inputTokens) };
  }

  /** The same bound by counted tokens, for a balance that does not cover the bytes; null where that is no better. */
  async recount({ chat, plan }: BoundChat): Promise<BoundChat | null> {
    const counted = await this.planner.recount(chat, plan);
    return counted && { chat, plan: counted };
  }
}
