import type { ThinkingBlock } from './chat-message.js';

/** Where in an answer something was thought: after so many characters of its text, and so many of its calls. */
export type Place = NonNullable<ThinkingBlock['after']>;

export type Step<Call> = { thought: ThinkingBlock } | { said: string } | { called: Call };

/**
 * What a model thought, said and called, in the order in which it did: its provider takes back what it thought in no other. Of what it said and
 * called, what was said comes first. A place beyond what there is is its end.
 */
export function inOrder<Call>(answer: {
  thinking: readonly ThinkingBlock[];
  text: string;
  calls: readonly Call[];
}): Step<Call>[] {
  const { thinking, text, calls } = answer;
  const steps: Step<Call>[] = [];
  let told = { text: 0, calls: 0 };
  const tell = (until: Place): void => {
    const said = text.slice(told.text, until.text);
    if (said !== '') steps.push({ said });
    for (const called of calls.slice(told.calls, until.calls)) steps.push({ called });
    told = { text: Math.max(told.text, until.text), calls: Math.max(told.calls, until.calls) };
  };
  for (const block of thinking) {
    const after = isPlaced(block) ? block.after : null;
    if (after) tell(after.calls > told.calls ? { ...after, text: text.length } : after);
    steps.push({ thought: unplaced(block) });
  }
  tell({ text: text.length, calls: calls.length });
  return steps;
}

/** Whether it is told where it was thought. A provider of this format may send what it likes. */
export function isPlaced(block: ThinkingBlock): block is ThinkingBlock & { after: Place } {
  const { after } = block;
  return Number.isInteger(after?.text) && Number.isInteger(after?.calls);
}

/** The block as what was thought there. What comes first has no place of its own. */
export function placed(block: ThinkingBlock, { text, calls }: Place): ThinkingBlock {
  return text === 0 && calls === 0 ? block : { ...block, after: { text, calls } };
}

/** The block as its provider has it. */
export function unplaced(block: ThinkingBlock): ThinkingBlock {
  if (!('after' in block)) return block;
  const { after: _, ...rest } = block;
  return rest;
}
