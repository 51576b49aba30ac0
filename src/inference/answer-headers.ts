import { lifecycleHeaders } from '../models/domain/lifecycle-headers.js';
import { formatParametersApplied } from '../models/domain/parameters-applied.js';
import type { AdmittedChat } from './admitted-chat.js';
import type { HoldPlan } from './hold-planner.service.js';

/** What the head of an answer says of the model and of what was changed on the way there. */
export function answerHeaders(chat: AdmittedChat, plan: HoldPlan): Record<string, string> {
  const applied = formatParametersApplied(plan.applied);
  return {
    ...(applied && { 'x-parameters-applied': applied }),
    // A caller that was redirected asked for the legacy model: that is the one it has to replace.
    ...lifecycleHeaders(chat.redirectedFrom ?? chat.model),
    ...(chat.route.isSandbox && { 'x-sandbox': '1' }),
  };
}

export const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8' };
