import Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { dataUri, png } from '../support/images.js';
import { type Caller, ChatBench } from './chat-bench.js';

const API_KEY = 'sk-ant-canary-of-the-operator';
const MODEL = 'claude-sonnet-4-5';
const QUESTION = { role: 'user' as const, content: 'How many words are in this question?' };
const CHAT = { model: MODEL, messages: [QUESTION] };
const USAGE = {
  input_tokens: 500,
  cache_creation_input_tokens: 200,
  cache_read_input_tokens: 300,
  output_tokens: 120,
  output_tokens_details: { thinking_tokens: 70 },
};
const TOOLS = [
  {
    type: 'function' as const,
    function: {
      name: 'get_weather',
      description: 'The weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

const THINKING_TOOLS = {
  tools: [{ type: 'function', function: { name: 'get_weather' } }],
  reasoning_effort: 'low',
  max_tokens: 4_000,
};

describe('the mock of Anthropic', () => {
  it('speaks the Messages API as the official SDK expects it', async () => {
    await using mock = await new AnthropicMock().start();
    const client = new Anthropic({ baseURL: mock.origin, apiKey: API_KEY, maxRetries: 0 });
    const ask = { model: 'claude-sonnet-4-6', max_tokens: 100, messages: [QUESTION] };
    mock.behave({
      thinking: 'Let me see.',
      text: 'Seven words.',
      toolCall: { name: 'get_weather', input: { city: 'Oslo' } },
    });
    const plain = await client.messages.create(ask);
    const streamed = await client.messages.stream(ask).finalMessage();
    expect(plain.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(streamed.content).toMatchObject(plain.content);
    expect(streamed.usage.output_tokens).toBe(plain.usage.output_tokens);
    expect(streamed.usage.input_tokens).toBe(plain.usage.input_tokens);
    expect(streamed.stop_reason).toBe('tool_use');
    mock.behave({ status: 400 });
    await expect(client.messages.create(ask)).rejects.toThrow(Anthropic.BadRequestError);
    mock.behave({});
    await expect(client.messages.create({ ...ask, messages: [] })).rejects.toThrow(Anthropic.BadRequestError);
  });
});

describe('a model of Anthropic', () => {
  let mock: AnthropicMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new AnthropicMock().start();
    bench = await ChatBench.start({
      env: { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: API_KEY, PROVIDER_TIMEOUT_MS: '600' },
    });
    bench.keepCircuitsClosed();
  });
  beforeEach(async () => {
    mock.behave({});
    mock.calls.length = 0;
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  it('is asked in its own words, with the operator key and the limit that was held', async () => {
    const answer = await caller.chat({
      model: MODEL,
      messages: [{ role: 'system', content: 'Be brief.' }, QUESTION],
      temperature: 0.3,
      top_k: 5,
      stop: ['END'],
      max_tokens: 300,
      user: 'someone',
    });
    expect(answer.status).toBe(200);
    expect(mock.calls[0]?.path).toBe('/v1/messages');
    expect(mock.calls[0]?.headers).toMatchObject({ 'x-api-key': API_KEY, 'anthropic-version': '2023-06-01' });
    expect(mock.calls[0]?.body).toEqual({
      model: MODEL,
      max_tokens: 300,
      temperature: 0.3,
      top_k: 5,
      stop_sequences: ['END'],
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: QUESTION.content }] }],
      metadata: { user_id: 'someone' },
      service_tier: 'standard_only',
    });
  });

  // Planted: cache reads and writes left out of the input; the first usage of a stream taken for the last.
  it.each([false, true])('is charged all it counted, cache and thinking included (stream: %s)', async (stream) => {
    mock.behave({ usage: USAGE, thinking: 'Seven, I think.', text: 'Seven words.' });
    const message = stream
      ? (await caller.openai.chat.completions.stream(CHAT).finalChatCompletion()).choices[0]!.message
      : (await caller.openai.chat.completions.create(CHAT)).choices[0]!.message;
    expect(message).toMatchObject({ content: 'Seven words.' });
    expect(await caller.ledger()).toMatchObject([
      {
        provider: 'anthropic',
        provider_request_id: 'req_of_anthropic',
        usage_source: 'provider',
        outcome: 'completed',
        input_tokens: 1_000,
        cached_input_tokens: 300,
        cache_write_tokens: 200,
        output_tokens: 120,
        reasoning_tokens: 70,
      },
    ]);
  });

  it('thinks within the limit that was held, and what it thought is told apart from the answer', async () => {
    mock.behave({ thinking: 'Seven, I think.', text: 'Seven words.' });
    const answer = await caller.chat({ ...CHAT, reasoning_effort: 'high', max_tokens: 4_000 });
    expect(mock.calls[0]?.body).toMatchObject({
      max_tokens: 4_000,
      thinking: { type: 'enabled', budget_tokens: 2_000 },
    });
    const message = (answer.body['choices'] as { message: object }[])[0]!.message;
    expect(message).toMatchObject({ content: 'Seven words.', reasoning_content: 'Seven, I think.' });
    const streamed = await caller.chat({ ...CHAT, reasoning_effort: 'high', max_tokens: 4_000, stream: true });
    expect(streamed.body['text']).toContain('"reasoning_content":"Seven, "');
    // A client hands the message back as it came.
    const next = await caller.chat({ ...CHAT, messages: [QUESTION, message, QUESTION] });
    expect(next.status).toBe(200);
  });

  it.each([false, true])('calls tools and takes their results (stream: %s)', async (stream) => {
    mock.behave({ toolCall: { name: 'get_weather', input: { city: 'Oslo' } } });
    const ask = { ...CHAT, tools: TOOLS, tool_choice: 'required' as const, parallel_tool_calls: false };
    const { choices } = stream
      ? await caller.openai.chat.completions.stream(ask).finalChatCompletion()
      : await caller.openai.chat.completions.create(ask);
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = (choices[0]?.message.tool_calls ?? []) as OpenAI.ChatCompletionMessageFunctionToolCall[];
    expect(call?.function).toMatchObject({ name: 'get_weather', arguments: '{"city":"Oslo"}' });
    expect(mock.calls[0]?.body).toMatchObject({
      tools: [{ name: 'get_weather', input_schema: TOOLS[0]!.function.parameters }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });

    mock.behave({ text: 'It rains.' });
    await caller.openai.chat.completions.create({
      ...CHAT,
      messages: [
        QUESTION,
        { role: 'assistant', tool_calls: [call!] },
        { role: 'tool', tool_call_id: call!.id, content: 'rain' },
      ],
      tools: TOOLS,
    });
    expect(mock.calls[1]?.body['messages']).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: call!.id, name: 'get_weather', input: { city: 'Oslo' } }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call!.id, content: 'rain' }] },
    ]);
    expect((await caller.ledger()).map((row) => row.operation)).toEqual(['function_call', 'chat']);
  });

  // Planted: the blocks left out of the prompt; the signature of a stream not handed on.
  it.each([false, true])('thinks on from tools when it is shown what it had thought (stream: %s)', async (stream) => {
    mock.behave({ thinking: 'Oslo, I think.', redacted: 'sealed', toolCall: { name: 'get_weather', input: {} } });
    const ask = { ...CHAT, tools: TOOLS, reasoning_effort: 'low' as const, max_tokens: 4_000 };
    const { message } = stream
      ? (await caller.openai.chat.completions.stream(ask).finalChatCompletion()).choices[0]!
      : (await caller.openai.chat.completions.create(ask)).choices[0]!;
    const thought = [
      { type: 'thinking', thinking: 'Oslo, I think.', signature: 'signed: Oslo, I think.' },
      { type: 'redacted_thinking', data: 'sealed' },
    ];
    expect(message).toMatchObject({ thinking_blocks: thought });

    // The client's helper for streams adds a member of its own.
    const said = Object.fromEntries(Object.entries(message).filter(([name]) => name !== 'parsed')) as typeof message;
    const result = { role: 'tool' as const, tool_call_id: message.tool_calls![0]!.id, content: 'rain' };
    mock.behave({ text: 'It rains.' });
    const answered = await caller.openai.chat.completions.create({ ...ask, messages: [QUESTION, said, result] });
    expect(answered.choices[0]!.message.content).toBe('It rains.');
    expect(mock.calls[1]?.body['messages']).toMatchObject([
      {},
      { role: 'assistant', content: [...thought, { type: 'tool_use' }] },
      { role: 'user' },
    ]);

    // A client that threw it away is told before anybody is asked.
    const forgetful = { role: 'assistant', tool_calls: message.tool_calls };
    const refused = await caller.chat({ ...ask, messages: [QUESTION, forgetful, result] });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'provider_rejected' } } });
    expect(JSON.stringify(refused.body)).toContain('thinking_blocks');
    expect(mock.calls).toHaveLength(2);
    expect(await caller.ledger()).toHaveLength(2);
  });

  it('answers in the shape of a schema', async () => {
    mock.behave({ text: '{"count":7}' });
    const schema = {
      type: 'object',
      properties: { count: { type: 'integer' } },
      required: ['count'],
      additionalProperties: false,
    };
    const answer = await caller.openai.chat.completions.create({
      ...CHAT,
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
    });
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ count: 7 });
    expect(mock.calls[0]?.body['output_config']).toMatchObject({ format: { type: 'json_schema', schema } });
  });

  it('is shown images', async () => {
    const url = dataUri('image/png', png(64, 64));
    const answer = await caller.chat({
      model: MODEL,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    });
    expect(answer.status).toBe(200);
    expect(mock.calls[0]?.body['messages']).toMatchObject([
      {
        content: [
          { type: 'text' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: url.split(',')[1] } },
        ],
      },
    ]);
    expect(await caller.ledger()).toMatchObject([{ image_count: 1 }]);
  });

  it.each([false, true])(
    'is charged an estimate, marked as such, where it reports no usage (stream: %s)',
    async (stream) => {
      mock.behave({ usage: null });
      expect((await caller.chat({ ...CHAT, stream })).status).toBe(200);
      const [row] = await caller.ledger();
      expect(row).toMatchObject({ usage_source: 'estimated', outcome: 'completed' });
      expect(row!.output_tokens).toBeGreaterThan(0);
    },
  );

  it.each([false, true])('is charged nothing for a usage of zero (stream: %s)', async (stream) => {
    mock.behave({ usage: { input_tokens: 0, output_tokens: 0 } });
    expect((await caller.chat({ ...CHAT, stream })).status).toBe(200);
    expect(await caller.ledger()).toMatchObject([{ usage_source: 'provider', credits_ucr: '0' }]);
  });

  it.each([
    ['a refused request', { status: 400 }, 400, 'provider_rejected', 'mock status 400'],
    [
      'an empty account of the operator',
      { status: 400, message: 'Your credit balance is too low' },
      502,
      'provider_error',
      'status 400',
    ],
    [
      'usage limits of the operator',
      { status: 400, message: 'You have reached your specified API usage limits.' },
      502,
      'provider_error',
      'account of this server',
    ],
    ['refused credentials', { status: 401 }, 502, 'provider_error', 'status 401'],
    ['an overload', { status: 529 }, 502, 'provider_error', 'status 529'],
    ['an overload told in the stream', { errorAfterEvents: 0 }, 502, 'provider_error', ''],
    ['no JSON', { rawBody: '<html>' }, 502, 'provider_error', 'protocol'],
    ['another JSON', { rawBody: '{"hello": 1}' }, 502, 'provider_error', 'protocol'],
    ['silence', { delayMs: 1_500 }, 504, 'provider_timeout', ''],
  ])('costs nothing and leaves no hold after %s', async (...[, behaviour, status, code, message]) => {
    mock.behave(behaviour);
    for (const stream of 'errorAfterEvents' in behaviour ? [true] : [false, true]) {
      const refused = await caller.refusedChat({ ...CHAT, stream });
      expect(refused).toMatchObject({ status, error: { code } });
      if (!stream) expect(refused.error.message).toContain(message);
      expect(JSON.stringify(refused)).not.toContain(API_KEY);
    }
  });

  // Planted: the ids as they came. Whoever went on with Claude from a conversation with another model was refused.
  it('is sent calls that another provider made by ids that Anthropic takes, each once', async () => {
    const turn = (id: string, city: string) => [
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id, type: 'function', function: { name: 'get_weather', arguments: JSON.stringify({ city }) } }],
      },
      { role: 'tool', tool_call_id: id, content: `Sunny in ${city}` },
    ];
    const said = [
      ...turn('functions.get_weather:0', 'Oslo'),
      ...turn('call_0', 'Rome'),
      ...turn('call_0', 'Paris'),
      ...turn('toolu_1', 'Bern'),
    ];
    expect((await caller.chat({ ...CHAT, messages: [...CHAT.messages, ...said] })).status).toBe(200);
    const { messages } = mock.calls[0]!.body as { messages: { content: Record<string, string>[] }[] };
    const blocks = messages.flatMap(({ content }) => content);
    const made = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id);
    expect(made).toEqual(['functions_get_weather_0', 'call_0', 'call_0_1', 'toolu_1']);
    const results = blocks.filter(({ type }) => type === 'tool_result');
    expect(results.map(({ tool_use_id }) => tool_use_id)).toEqual(made);
    expect(results.map(({ content }) => content)).toEqual(
      ['Oslo', 'Rome', 'Paris', 'Bern'].map((city) => `Sunny in ${city}`),
    );
  });

  it('tells how long its provider asks to be left alone', async () => {
    mock.behave({ status: 429, headers: { 'retry-after': '20' } });
    for (const stream of [false, true]) {
      const { status, headers } = await caller.chat({ ...CHAT, stream });
      expect([status, headers.get('retry-after')]).toEqual([502, '20']);
    }
    expect(mock.calls).toHaveLength(2);
  });

  // Planted: the library leaves top_p out beside temperature, and temperature out of a request that thinks, and makes `auto` of a forced call.
  it.each([
    ['JSON without a schema', { response_format: { type: 'json_object' } }, 'json_object'],
    [
      'a schema that is not there',
      { response_format: { type: 'json_schema', json_schema: { name: 'answer' } } },
      'json_schema without',
    ],
    ['two ways of sampling at once', { temperature: 0.2, top_p: 0.5 }, 'top_p'],
    ['a temperature for thinking', { temperature: 0.2, reasoning_effort: 'low', max_tokens: 4_000 }, 'temperature'],
    ['thinking without room', { reasoning_effort: 'low', max_tokens: 1_000 }, '2048'],
    ['a call that is forced while it thinks', { ...THINKING_TOOLS, tool_choice: 'required' }, 'a tool_choice'],
    [
      'a call of one tool while it thinks',
      { ...THINKING_TOOLS, tool_choice: { type: 'function', function: { name: 'get_weather' } } },
      'a tool_choice',
    ],
  ])('is not asked for what it does not offer: %s', async (_name, change, message) => {
    const refused = await caller.refusedChat({ ...CHAT, ...change });
    expect(refused).toMatchObject({ status: 400, error: { code: 'provider_rejected' } });
    expect(refused.error.message).toContain(message);
    expect(mock.calls).toEqual([]);
  });

  // Seen: what the constraints of a model leave unsaid was refused by the adapter alone, after an estimate that let it pass.
  it('says of what it never offers so in the list, in an estimate and in the refusal, and lets it be dropped', async () => {
    const { body } = await caller.get(`/v1/models/${CHAT.model}`);
    const asked = { presence_penalty: 0.5, n: 2, seed: 7, logprobs: true, verbosity: 'low' };
    const parameters = body['parameters'] as Record<string, { supported: boolean }>;
    expect(Object.keys(asked).map((name) => parameters[name]?.supported)).toEqual(Array(5).fill(false));
    const estimate = await caller.post('/v1/estimates', { ...CHAT, ...asked });
    const violations = Object.keys(asked).map((parameter) => ({ parameter, rule: 'unsupported' }));
    const code = 'parameter_constraint_violation';
    expect(estimate.body).toMatchObject({ wouldPass: false, refusals: [{ code, details: { violations } }] });
    const refused = await caller.refusedChat({ ...CHAT, ...asked });
    expect(refused).toMatchObject({ status: 400, error: { code, details: { violations } } });
    expect(mock.calls).toEqual([]);
    const dropped = await caller.chat({ ...CHAT, ...asked }, { 'x-unsupported-parameters': 'drop' });
    expect(dropped.status).toBe(200);
    const answer = await caller.chat({ ...CHAT, n: 1, presence_penalty: 0, verbosity: 'medium' });
    expect(answer.headers.get('x-parameters-applied')).toContain(
      'presence_penalty=omitted, n=omitted, verbosity=omitted',
    );
  });

  // Clients write down what holds anyway. Planted: what the library leaves out is then taken for lost.
  it.each([
    ['a share of all', { temperature: 0.2, top_p: 1 }, { temperature: 0.2 }],
    ['the temperature of thinking', { temperature: 1, reasoning_effort: 'low', max_tokens: 4_000 }, {}],
    ['both of them', { temperature: 1, top_p: 1, reasoning_effort: 'low', max_tokens: 4_000 }, {}],
  ])('takes a value that holds anyway beside one that it does not go with: %s', async (_name, change, sent) => {
    expect((await caller.chat({ ...CHAT, ...change })).status).toBe(200);
    const { temperature, top_p } = mock.calls[0]!.body;
    expect({ temperature, top_p }).toEqual({ temperature: undefined, top_p: undefined, ...sent });
  });

  it.each([
    ['is cut', { cutAfterEvents: 6 }],
    ['ends with an error', { errorAfterEvents: 6 }],
  ])('is charged what arrived, counted, when a stream %s', async (_name, behaviour) => {
    mock.behave({ text: 'one two three four five six', ...behaviour });
    const answer = await caller.chat({ ...CHAT, stream: true });
    expect(answer.body['text']).toContain('provider_error');
    expect(answer.body['text']).not.toContain('[DONE]');
    expect(await caller.ledger()).toMatchObject([{ usage_source: 'estimated', outcome: 'provider_error' }]);
  });

  // Removed once: the look at what the answer was. A conversation with an empty answer, all of it thought, could not go on.
  it.each(['', ' \n'])('is not shown an answer that was none: %j', async (content) => {
    const messages = [QUESTION, { role: 'assistant', content }, { role: 'user', content: 'Well?' }];
    expect((await caller.chat({ ...CHAT, messages })).status).toBe(200);
    expect(JSON.stringify(mock.calls[0]?.body)).toContain('Well?');
  });

  it('bills together what the ledger says', async () => {
    await mock.idle();
    const before = { ...mock.billed };
    await Promise.all(Array.from({ length: 6 }, (_, index) => caller.chat({ ...CHAT, stream: index % 2 === 0 })));
    const rows = await caller.ledger();
    expect(rows).toHaveLength(6);
    const sum = (pick: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + pick(row), 0);
    expect(sum((row) => row.input_tokens)).toBe(mock.billed.inputTokens - before.inputTokens);
    expect(sum((row) => row.output_tokens)).toBe(mock.billed.outputTokens - before.outputTokens);
  });
});
