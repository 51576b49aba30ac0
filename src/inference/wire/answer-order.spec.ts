import fc from 'fast-check';
import { inOrder, placed, type Step } from './answer-order.js';
import type { ThinkingBlock } from './chat-message.js';

const word = fc.string({ minLength: 1, maxLength: 9 });
const thought = word.map((thinking) => ({ thought: { type: 'thinking' as const, thinking, signature: 's' } }));
const said = word.map((text) => ({ said: text }));
const called = fc.nat().map((call) => ({ called: call }));
/** Texts, then calls, and thinking wherever it comes. */
const steps = fc
  .tuple(fc.array(fc.oneof(thought, said)), fc.array(fc.oneof(thought, called)))
  .map(([first, last]) => joined([...first, ...last]));

/** No provider tells of two texts in a row. */
function joined(parts: readonly Step<number>[]): Step<number>[] {
  const all: Step<number>[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if ('said' in part && last && 'said' in last) last.said += part.said;
    else all.push({ ...part });
  }
  return all;
}

function answerOf(all: readonly Step<number>[]) {
  const answer = { thinking: [] as ThinkingBlock[], text: '', calls: [] as number[] };
  for (const step of all) {
    if ('said' in step) answer.text += step.said;
    else if ('called' in step) answer.calls.push(step.called);
    else answer.thinking.push(placed(step.thought, { text: answer.text.length, calls: answer.calls.length }));
  }
  return answer;
}

describe('the order of an answer', () => {
  // Planted: the text cut one character early.
  it('is what it was', () => {
    fc.assert(fc.property(steps, (all) => expect(inOrder(answerOf(all))).toEqual(all)));
  });

  // Planted: the place taken as it came from a provider. The text was told twice.
  it.each([{ text: 'x', calls: null }, {}, 'x', null, [1]])('has no place that is none: %j', (after) => {
    const thinking = [{ type: 'redacted_thinking', data: 'sealed', after } as unknown as ThinkingBlock];
    const steps = inOrder({ thinking, text: 'Hello', calls: [7] });
    expect(steps).toEqual([
      { thought: { type: 'redacted_thinking', data: 'sealed' } },
      { said: 'Hello' },
      { called: 7 },
    ]);
  });

  it('leaves nothing out and tells nothing twice, whatever the places', () => {
    const place = fc.option(fc.record({ text: fc.nat({ max: 30 }), calls: fc.nat({ max: 5 }) }), { nil: undefined });
    const block = fc.tuple(word, place).map(([data, after]) => ({ type: 'redacted_thinking' as const, data, after }));
    fc.assert(
      fc.property(fc.array(block), word, fc.array(fc.nat()), (thinking, text, calls) => {
        const told = inOrder({ thinking: thinking as ThinkingBlock[], text, calls });
        expect(told.map((step) => ('said' in step ? step.said : '')).join('')).toBe(text);
        expect(told.flatMap((step) => ('called' in step ? [step.called] : []))).toEqual(calls);
        expect(told.flatMap((step) => ('thought' in step ? [step.thought] : []))).toMatchObject(
          thinking.map(({ type, data }) => ({ type, data })),
        );
      }),
    );
  });
});
