import fc from 'fast-check';
import { ChatCompletionBody } from './chat-completion.js';
import { isPlainChat } from './plain-chat.js';

const HELLO = { model: 'gpt-5-nano', messages: [{ role: 'user', content: 'Hello' }] };

/** Mostly right, now and then anything. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() });
const text = fc.oneof(fc.string(), fc.constantFrom('', 'x'.repeat(101)));
const role = fc.constantFrom('system', 'developer', 'user', 'assistant');
const message = fc.oneof(
  { weight: 12, arbitrary: fc.record({ role, content: mostly(text) }) },
  { weight: 1, arbitrary: fc.record({ role: mostly(fc.constantFrom('tool', 'function')), content: text }) },
  { weight: 1, arbitrary: fc.record({ role, content: text, name: text, tool_calls: fc.jsonValue() }) },
);
/** Bodies around the border of what is plain: each member right or wrong, there or not. */
const body = fc.record(
  {
    model: mostly(text),
    messages: mostly(fc.array(mostly(message), { minLength: 0, maxLength: 4 })),
    stream: mostly(fc.boolean()),
    stream_options: mostly(fc.record({ include_usage: fc.boolean() })),
    temperature: fc.jsonValue(),
    stop: fc.jsonValue(),
  },
  { requiredKeys: ['model', 'messages'] },
);
/** Members that are rarely there, one at a time. */
const rare: fc.Arbitrary<object> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  fc.record({ response_format: fc.jsonValue() }),
  fc.record({ tools: fc.jsonValue() }),
  fc.record({ user: text }),
  fc.record({ surprise: fc.jsonValue() }),
);

describe('isPlainChat', () => {
  // Removed once: the exception of response_format, the look at a message's other members, the length of the model's id.
  it('says yes to nothing that the schema would refuse or change', () => {
    let yes = 0;
    fc.assert(
      fc.property(body, rare, (usual, odd) => {
        const sent: Record<string, unknown> = { ...usual, ...odd };
        if (!isPlainChat(sent)) return;
        yes += 1;
        const judged = ChatCompletionBody.safeParse(sent);
        expect(judged.error?.issues ?? []).toEqual([]);
        expect(judged.data).toEqual(sent);
      }),
      { numRuns: 3_000 },
    );
    expect(yes).toBeGreaterThan(100);
  });

  it.each([
    ['a text', HELLO],
    ['a conversation', { ...HELLO, messages: [{ role: 'system', content: '' }, ...HELLO.messages] }],
    ['a stream', { ...HELLO, stream: true, stream_options: { include_usage: true } }],
    ['parameters, right or wrong', { ...HELLO, temperature: 'hot', max_completion_tokens: 5, stop: null }],
  ])('knows %s', (_name, sent) => expect(isPlainChat(sent)).toBe(true));

  it.each([
    ['an image', { ...HELLO, messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] }],
    ['tools', { ...HELLO, tools: [] }],
    ['a response format', { ...HELLO, response_format: { type: 'text' } }],
    ['a field that nobody knows', { ...HELLO, service_tier: 'default' }],
    ['the tool that answers', { ...HELLO, messages: [{ role: 'tool', content: 'x', tool_call_id: 'y' }] }],
  ])('leaves %s to the schema', (_name, sent) => expect(isPlainChat(sent)).toBe(false));
});
