import type { ChatCompletionBody } from './chat-completion.js';
import { asksForCaching, withoutCaching } from './prompt-caching.js';

const MARK = { cache_control: { type: 'ephemeral' as const } };
const PLAIN: ChatCompletionBody = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'Done' }] },
  ],
  tools: [{ type: 'function', function: { name: 'f' } }],
};

/** The same body with a mark on one of its parts. */
const MARKED: [place: string, mark: (body: ChatCompletionBody) => void][] = [
  ['a text', ({ messages }) => Object.assign((messages[1]!.content as object[])[0]!, MARK)],
  ['a call', ({ messages }) => Object.assign((messages[2] as { tool_calls: object[] }).tool_calls[0]!, MARK)],
  ['a result', ({ messages }) => Object.assign((messages[3]!.content as object[])[0]!, MARK)],
  ['a tool', ({ tools }) => Object.assign(tools![0]!, MARK)],
  ['the body', (body) => Object.assign(body, MARK)],
  ['a tool, as null', ({ tools }) => Object.assign(tools![0]!, { cache_control: null })],
];

describe('the marks of caching', () => {
  it.each(MARKED)('are found on %s, and taken away without a trace', (_place, mark) => {
    const body = structuredClone(PLAIN);
    mark(body);
    const before = structuredClone(body);
    expect(asksForCaching(body)).toBe(true);
    expect(withoutCaching(body)).toEqual(PLAIN);
    expect(body).toEqual(before);
  });

  it('are not found where there are none', () => {
    expect(asksForCaching(PLAIN)).toBe(false);
    expect(asksForCaching({ ...PLAIN, tools: null })).toBe(false);
  });
});
