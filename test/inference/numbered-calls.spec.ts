import OpenAI from 'openai';
import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { WEATHER_TOOL } from './sdk-calls.js';

const MODEL = 'gpt-5-nano';
const QUESTION = { role: 'user' as const, content: 'Weather in Oslo and Rome?' };
const { type: _type, strict: _strict, ...OFFERED } = WEATHER_TOOL;

type Delta = Record<string, unknown>;

const named = (city: string, call: Delta) => ({
  type: 'function',
  ...call,
  function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
});
/** One after the other, each of the parts a chunk of its own. */
const parts = (city: string, call: Delta, later: Delta) => {
  const json = JSON.stringify({ city });
  return [
    { type: 'function', ...call, function: { name: 'get_weather', arguments: '' } },
    { ...later, function: { arguments: json.slice(0, 4) } },
    { ...later, function: { arguments: json.slice(4) } },
  ];
};

const LABEL = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };

function streamOf(calls: readonly Delta[], end = 'tool_calls'): string {
  const event = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ ...LABEL, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const chunks = calls.map((call) => event({ tool_calls: [call] }, null));
  return [event({ role: 'assistant' }, null), ...chunks, event({}, end), 'data: [DONE]\n\n'].join('');
}

/** What a client runs: the city of each call, and whether each can be answered by an id of its own. */
interface Run {
  cities: unknown[];
  ids: number;
}

function runOf(calls: readonly { id: string; input: unknown }[]): Run {
  return {
    cities: calls.map(({ input }) => (input as { city?: unknown }).city),
    ids: new Set(calls.map(({ id }) => id).filter((id) => id !== '' && typeof id === 'string')).size,
  };
}

const BOTH: Run = { cities: ['Oslo', 'Rome'], ids: 2 };

describe('calls of tools, as servers of the format number them', () => {
  let mock: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'sk-operator' } });
  });
  beforeEach(async () => {
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  /** What the official client of each format makes of the answer. */
  const clients: [string, (stream: boolean) => Promise<Run>][] = [
    [
      'Chat Completions',
      async (stream) => {
        const ask = { model: MODEL, messages: [QUESTION], tools: [{ type: 'function' as const, function: OFFERED }] };
        const { completions } = caller.openai.chat;
        const { choices } = stream
          ? await completions.stream(ask as OpenAI.ChatCompletionCreateParamsStreaming).finalChatCompletion()
          : await completions.create(ask as OpenAI.ChatCompletionCreateParamsNonStreaming);
        const calls = (choices[0]?.message.tool_calls ?? []) as OpenAI.ChatCompletionMessageFunctionToolCall[];
        return runOf(calls.map(({ id, function: called }) => ({ id, input: JSON.parse(called.arguments) as unknown })));
      },
    ],
    [
      'Responses',
      async (stream) => {
        const ask = { model: MODEL, input: [QUESTION], tools: [WEATHER_TOOL] };
        const { responses } = caller.openai;
        const output: OpenAI.Responses.ResponseOutputItem[] = stream
          ? (await responses.stream(ask).finalResponse()).output
          : (await responses.create(ask)).output;
        const calls = output.filter((item) => item.type === 'function_call');
        return runOf(calls.map((call) => ({ id: call.call_id, input: JSON.parse(call.arguments) as unknown })));
      },
    ],
    [
      'Messages',
      async (stream) => {
        const tools = [{ name: OFFERED.name, input_schema: OFFERED.parameters as { type: 'object' } }];
        const ask = { model: MODEL, max_tokens: 100, messages: [QUESTION], tools };
        const { messages } = await caller.anthropic();
        const { content } = stream ? await messages.stream(ask).finalMessage() : await messages.create(ask);
        return runOf(content.filter((block) => block.type === 'tool_use'));
      },
    ],
  ];

  describe.each(clients)('over %s', (_format, run) => {
    // Planted: the number taken as it came. The arguments of all calls were run together, and no client could read them.
    it.each<[string, Delta[]]>([
      [
        'as OpenAI does',
        [...parts('Oslo', { index: 0, id: 'a' }, { index: 0 }), ...parts('Rome', { index: 1, id: 'b' }, { index: 1 })],
      ],
      ['not at all', [named('Oslo', { id: 'a' }), named('Rome', { id: 'b' })]],
      ['not at all, in parts', [...parts('Oslo', { id: 'a' }, {}), ...parts('Rome', { id: 'b' }, { id: 'b' })]],
      ['all alike', [named('Oslo', { index: 0, id: 'a' }), named('Rome', { index: 0, id: 'b' })]],
      [
        'from one on, each part with another id',
        [
          ...parts('Oslo', { index: 1, id: 'a' }, { index: 1, id: 'x' }),
          ...parts('Rome', { index: 2, id: 'b' }, { index: 2, id: 'y' }),
        ],
      ],
      ['neither by number nor by id', [named('Oslo', {}), named('Rome', { id: '' })]],
      [
        'with null for both',
        [
          ...parts('Oslo', { index: null, id: null }, { index: null, id: null }),
          named('Rome', { index: null, id: null }),
        ],
      ],
    ])('are told apart in a stream that numbers them %s', async (_name, calls) => {
      mock.behave({ rawBody: streamOf(calls) });
      expect(await run(true)).toEqual(BOTH);
    });

    // Planted: the id not made. Nobody can answer a call that has none, or the same as another.
    it.each([
      ['no id', {}],
      ['an empty id', { id: '' }],
      ['null for an id', { id: null }],
    ])('have an id each, though the server gives %s', async (_name, call) => {
      const tool_calls = [named('Oslo', call), named('Rome', call)];
      mock.behave({ content: '', message: { content: null, tool_calls } });
      expect(await run(false)).toEqual(BOTH);
    });
  });

  it('that are made with null are made with nothing, which can be handed back', async () => {
    const call = { id: 'a', index: 0, type: 'function', function: { name: 'get_weather', arguments: 'null' } };
    mock.behave({ rawBody: streamOf([call]) });
    const { messages } = await caller.anthropic();
    const { content } = await messages.stream({ model: MODEL, max_tokens: 100, messages: [QUESTION] }).finalMessage();
    expect(content).toMatchObject([{ type: 'tool_use', input: {} }]);
  });

  // Planted: the end as the server calls it. A client that runs tools where it reads `tool_use` ran none.
  it.each<[string, Delta[], string, string]>([
    ['stop, as OpenAI does of a call that it was told to make', [named('Oslo', { id: 'a' })], 'stop', 'tool_use'],
    ['tool_calls', [named('Oslo', { id: 'a' })], 'tool_calls', 'tool_use'],
    ['tool_calls, though there is none', [], 'tool_calls', 'end_turn'],
    ['length', [named('Oslo', { id: 'a' })], 'length', 'max_tokens'],
  ])('end a message by what it holds, where the server says %s', async (_name, calls, reason, expected) => {
    const { messages } = await caller.anthropic();
    const tools = [{ name: OFFERED.name, input_schema: OFFERED.parameters as { type: 'object' } }];
    const ask = { model: MODEL, max_tokens: 100, messages: [QUESTION], tools };
    mock.behave({ rawBody: streamOf(calls, reason) });
    expect((await messages.stream(ask).finalMessage()).stop_reason).toBe(expected);
    const message = { role: 'assistant', content: null, tool_calls: calls };
    const choices = [{ index: 0, message, finish_reason: reason }];
    mock.behave({ rawBody: JSON.stringify({ ...LABEL, object: 'chat.completion', choices }) });
    expect((await messages.create(ask)).stop_reason).toBe(expected);
  });

  it('stay with their choice', async () => {
    const chunk = (choices: object[]) => `data: ${JSON.stringify({ ...LABEL, choices })}\n\n`;
    const choice = (index: number, tool_calls: Delta[]) => ({ index, delta: { tool_calls }, finish_reason: null });
    const [oslo, rome] = [named('Oslo', { id: 'a' }), named('Rome', { id: 'b' })];
    const body = [chunk([choice(0, [oslo]), choice(1, [rome])]), chunk([choice(1, [oslo])]), 'data: [DONE]\n\n'].join(
      '',
    );
    mock.behave({ rawBody: body });
    const { body: answer } = await caller.chat({ model: MODEL, messages: [QUESTION], n: 2, stream: true });
    const chunks = String(answer['text'])
      .match(/^data: \{.*/gm)!
      .map((line) => line.slice('data: '.length));
    const told = chunks.flatMap((text) => (JSON.parse(text) as { choices: ReturnType<typeof choice>[] }).choices);
    expect(told.map(({ index, delta }) => [index, delta.tool_calls[0]?.['index']])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
  });
});
