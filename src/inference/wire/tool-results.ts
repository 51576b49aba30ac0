import type { FieldError } from '../../common/errors/app-error.js';

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
