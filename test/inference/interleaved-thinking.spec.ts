import OpenAI from 'openai';
import { toResponseInputItems } from 'openai/lib/responses/ResponseInputItems';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { WEATHER_TOOL } from './sdk-calls.js';

const MODEL = 'claude-sonnet-4-5';
const LIMIT = 4_000;
const QUESTION = { role: 'user' as const, content: 'Weather in Oslo and Rome?' };
const { name, parameters } = WEATHER_TOOL;
const SCHEMA = parameters as Record<string, unknown> & { type: 'object' };
const RAIN = 'rain';

type Steps = ['think' | 'say' | 'call', string][];
const BETWEEN: Steps = [
  ['think', 'First Oslo.'],
  ['say', 'I look at Oslo. '],
  ['think', 'Then Rome.'],
  ['think', 'In Italy.'],
  ['say', 'And at Rome.'],
  ['call', 'Oslo'],
];
const BETWEEN_CALLS: Steps = [
  ['think', 'First Oslo.'],
  ['call', 'Oslo'],
  ['think', 'Then Rome.'],
  ['call', 'Rome'],
];
const ONCE: Steps = [
  ['think', 'Oslo.'],
  ['say', 'I look.'],
  ['call', 'Oslo'],
];

function blocksOf(steps: Steps): object[] {
  return steps.map(([kind, text]) => {
    if (kind === 'think') return { type: 'thinking', thinking: text, signature: `signed: ${text}` };
    return kind === 'say' ? { type: 'text', text } : { type: 'tool_use', input: { city: text } };
  });
}

describe('what a model thinks between what it says and calls', () => {
  let mock: AnthropicMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new AnthropicMock().start();
    bench = await ChatBench.start({ env: { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: 'sk-operator' } });
  });
  beforeEach(async () => {
    mock.calls.length = 0;
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  /** A loop of tools with the official client of each format: asked, and asked again with the answer and the results of its calls. */
  const loops: [string, (stream: boolean) => Promise<void>][] = [
    [
      'Messages',
      async (stream) => {
        const { messages } = await caller.anthropic();
        const tools = [{ name, input_schema: SCHEMA }];
        const thinking = { type: 'enabled' as const, budget_tokens: 1_024 };
        const ask = { model: MODEL, max_tokens: LIMIT, messages: [QUESTION], tools, thinking };
        const { content } = stream ? await messages.stream(ask).finalMessage() : await messages.create(ask);
        const calls = content.filter((block) => block.type === 'tool_use');
        const results = calls.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: RAIN }));
        const turns = [QUESTION, { role: 'assistant' as const, content }, { role: 'user' as const, content: results }];
        await messages.create({ ...ask, messages: turns });
      },
    ],
    [
      'Responses',
      async (stream) => {
        const { responses } = caller.openai;
        const ask = {
          model: MODEL,
          input: [QUESTION] as OpenAI.Responses.ResponseInput,
          max_output_tokens: LIMIT,
          reasoning: { effort: 'low' as const },
          tools: [WEATHER_TOOL],
          include: ['reasoning.encrypted_content' as const],
        };
        const { output } = stream ? await responses.stream(ask).finalResponse() : await responses.create(ask);
        const results = output.flatMap((item) =>
          item.type === 'function_call'
            ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: RAIN }]
            : [],
        );
        await responses.create({ ...ask, input: [QUESTION, ...toResponseInputItems(output), ...results] });
      },
    ],
    [
      'Chat Completions',
      async (stream) => {
        const { completions } = caller.openai.chat;
        const ask = {
          model: MODEL,
          messages: [QUESTION] as OpenAI.ChatCompletionMessageParam[],
          max_completion_tokens: LIMIT,
          reasoning_effort: 'low' as const,
          tools: [{ type: 'function' as const, function: { name, parameters: SCHEMA } }],
        };
        const { choices } = stream
          ? await completions.stream(ask).finalChatCompletion()
          : await completions.create(ask);
        const { message } = choices[0]!;
        const results = message.tool_calls!.map(({ id }) => ({
          role: 'tool' as const,
          tool_call_id: id,
          content: RAIN,
        }));
        await completions.create({ ...ask, messages: [QUESTION, message, ...results] });
      },
    ],
  ];

  describe.each(loops)('over %s', (_format, loop) => {
    // Planted: all thinking told and handed back before the rest. The provider refuses blocks in another order than it wrote them in.
    it.each([false, true])('is handed back where it was thought (stream: %s)', async (stream) => {
      for (const steps of [BETWEEN, BETWEEN_CALLS, ONCE]) {
        mock.calls.length = 0;
        mock.behave({ steps });
        await loop(stream);
        const content = mock.calls[1]?.body['messages'] as { content: object[] }[];
        expect(content[1]?.content).toMatchObject(blocksOf(steps));
        expect(content[1]?.content).toHaveLength(steps.length);
        expect(JSON.stringify(mock.calls)).not.toContain('"after"');
      }
    });
  });

  describe.each(loops)('over %s', (_format, loop) => {
    // Removed once: the look at what was said. The provider refuses a text of nothing but spaces, also where its own model wrote it.
    it.each([false, true])('is handed back without the blank between it and a call (stream: %s)', async (stream) => {
      const [thought, call]: Steps = [
        ['think', 'Oslo.'],
        ['call', 'Oslo'],
      ];
      mock.behave({ steps: [thought!, ['say', '\n\n'], call!] });
      await loop(stream);
      const messages = mock.calls[1]?.body['messages'] as { content: object[] }[];
      expect(messages[1]?.content).toMatchObject(blocksOf([thought!, call!]));
    });
  });

  // Planted: told in two groups.
  it.each([false, true])(
    'comes in its order over Messages, in blocks as Anthropic has them (stream: %s)',
    async (stream) => {
      const { messages } = await caller.anthropic();
      for (const steps of [BETWEEN, BETWEEN_CALLS]) {
        mock.behave({ steps });
        const ask = { model: MODEL, max_tokens: LIMIT, messages: [QUESTION] };
        const { content } = stream ? await messages.stream(ask).finalMessage() : await messages.create(ask);
        expect(content).toMatchObject(blocksOf(steps));
        expect(JSON.stringify(content)).not.toContain('"after"');
      }
    },
  );

  it.each([
    ['/v1/messages', { max_tokens: LIMIT, messages: [QUESTION] }],
    ['/v1/responses', { input: [QUESTION], include: ['reasoning.encrypted_content'] }],
    ['/v1/chat/completions', { messages: [QUESTION] }],
  ])('is replayed byte for byte over %s', async (route, ask) => {
    mock.behave({ steps: BETWEEN });
    const send = async (stream: boolean) => {
      const response = await fetch(`${caller.url}${route}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${caller.token}`,
          'content-type': 'application/json',
          'idempotency-key': `again-${stream}`,
        },
        body: JSON.stringify({ model: MODEL, ...ask, stream }),
      });
      return { text: await response.text(), isReplay: response.headers.has('idempotent-replayed') };
    };
    for (const stream of [false, true]) {
      const [first, again] = [await send(stream), await send(stream)];
      expect([first.isReplay, again.isReplay]).toEqual([false, true]);
      expect(first.text).toContain('Then Rome.');
      expect(again.text).toBe(first.text);
    }
    expect(mock.calls).toHaveLength(2);
  });

  it.each([
    ['a place that is none', { after: { text: -1, calls: 0 } }],
    ['half a place', { after: { text: 1 } }],
  ])('is refused with %s', async (_name, place) => {
    const thinking_blocks = [{ type: 'thinking', thinking: 'Hm.', signature: 'signed: Hm.', ...place }];
    const said = { role: 'assistant', content: 'Hm.', thinking_blocks };
    const refused = await caller.refusedChat({ model: MODEL, messages: [QUESTION, said, QUESTION] });
    expect(refused).toMatchObject({
      status: 400,
      error: { param: expect.stringContaining('thinking_blocks[0].after') },
    });
  });

  it('stands at the end of what it is handed back with, where that became shorter', async () => {
    const block = { type: 'thinking', thinking: 'Hm.', signature: 'signed: Hm.' };
    const said = {
      role: 'assistant',
      content: 'Short',
      thinking_blocks: [{ ...block, after: { text: 900, calls: 9 } }],
    };
    expect((await caller.chat({ model: MODEL, messages: [QUESTION, said, QUESTION] })).status).toBe(200);
    expect(mock.calls[0]?.body['messages']).toMatchObject([{}, { content: [{ text: 'Short' }, block] }, {}]);
  });
});
