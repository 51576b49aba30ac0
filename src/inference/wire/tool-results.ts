import type { FieldError } from '../../common/errors/app-error.js';
import type { ChatMessage } from './chat-message.js';

/** Where results and calls of tools do not belong together: a result answers one call of an earlier message, and each call has one at most. */
export function toolFaults(messages: readonly ChatMessage[]): FieldError[] {
  const open = new Set<string>();
  const faults: FieldError[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === 'assistant') {
      for (const [position, { id }] of (message.tool_calls ?? []).entries()) {
        const field = `messages[${index}].tool_calls[${position}].id`;
        if (open.has(id)) faults.push({ field, message: 'must differ from that of every other call without a result' });
        open.add(id);
      }
    } else if (message.role === 'tool' && !open.delete(message.tool_call_id)) {
      const field = `messages[${index}].tool_call_id`;
      faults.push({ field, message: 'must name a call of an earlier assistant message that has no result yet' });
    }
  }
  return faults;
}
