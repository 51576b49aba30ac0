import { createHash } from 'node:crypto';
import type { FieldError } from '../../common/errors/app-error.js';
import type { ChatMessage } from './chat-message.js';

/** Longest id of a call that OpenAI takes. */
const CALL_ID_LENGTH_MAX = 40;

/** The same conversation for a provider that takes no longer ids of calls than OpenAI: vLLM makes some, and who goes on elsewhere hands them back. */
export function withShortCallIds(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const isLong = messages.some((message) => callIdsOf(message).some((id) => id.length > CALL_ID_LENGTH_MAX));
  return isLong ? messages.map(shortened) : messages;
}

function callIdsOf(message: ChatMessage): string[] {
  if (message.role === 'tool') return [message.tool_call_id];
  return message.role === 'assistant' ? (message.tool_calls ?? []).map(({ id }) => id) : [];
}

function shortened(message: ChatMessage): ChatMessage {
  if (message.role === 'tool') return { ...message, tool_call_id: shortId(message.tool_call_id) };
  if (message.role !== 'assistant' || !message.tool_calls) return message;
  return { ...message, tool_calls: message.tool_calls.map((call) => ({ ...call, id: shortId(call.id) })) };
}

/** The same for the same id, so that a call and its result stay together, in every turn. */
function shortId(id: string): string {
  if (id.length <= CALL_ID_LENGTH_MAX) return id;
  return `call_${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}

/** A choice that forces a call: left out with the tools that there are not, it would be another request. */
export const NO_TOOL_TO_CALL: FieldError = {
  field: 'tool_choice',
  message: 'must not ask for a call where there are no tools: give tools, or leave it out',
};

/** A call of a tool, or the result of one, and where its id stands in the caller's body. */
export interface ToolStep {
  kind: 'call' | 'result';
  id: string;
  field: string;
}

/** Where results and calls of tools do not belong together: a result answers one call before it, and each call has one at most. */
export function toolFaults(steps: readonly ToolStep[]): FieldError[] {
  const open = new Set<string>();
  const faults: FieldError[] = [];
  for (const { kind, id, field } of steps) {
    if (kind === 'call') {
      if (open.has(id)) faults.push({ field, message: 'must differ from that of every other call without a result' });
      open.add(id);
    } else if (!open.delete(id)) {
      faults.push({ field, message: 'must name a call of an earlier assistant message that has no result yet' });
    }
  }
  return faults;
}
