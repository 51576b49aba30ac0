import Anthropic from '@anthropic-ai/sdk';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { png } from '../support/images.js';
import { issueToken } from '../support/tokens.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { countingFetch, refusalOf, withoutBalance } from './sdk-calls.js';

const HELLO = 'Hello, sandbox! How are you today?';
const ASK = { model: 'sandbox-echo', max_tokens: 100, messages: [{ role: 'user' as const, content: HELLO }] };
const TOOLS: Anthropic.Tool[] = [
  {
    name: 'get_weather',
    description: 'The weather of a city',
    input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];
const IMAGE = { type: 'base64' as const, media_type: 'image/png' as const, data: png(640, 480).toString('base64') };
const CLAUDE = 'claude-sonnet-4-5';

type Refusal = InstanceType<typeof Anthropic.APIError> & {
  error: {
    error: { type: string; code: string; param: string | null; message: string; details: Record<string, unknown> };
  };
};

describe('the official Anthropic client, unchanged but for its address', () => {
  let mock: AnthropicMock;
  let bench: ChatBench;
  let caller: Caller;
  let client: Anthropic;

  beforeAll(async () => {
    mock = await new AnthropicMock().start();
    bench = await ChatBench.start({ env: { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: 'sk-ant-operator' } });
  });
  beforeEach(async () => {
    mock.behave({});
    mock.calls.length = 0;
    caller = await bench.caller('pro');
    client = await caller.anthropic();
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  function byHeader(key: string): Anthropic {
    const defaultHeaders = { authorization: null, 'x-api-key': key };
    return new Anthropic({ baseURL: bench.server.url, apiKey: 'not sent', defaultHeaders });
  }

  const refusedAs = (request: Promise<unknown>) => refusalOf(request, Anthropic.APIError) as Promise<Refusal>;

  it('chats with an API key, and is told what it was charged', async () => {
    const { data, response, request_id } = await client.messages.create({ ...ASK, system: 'Be kind.' }).withResponse();
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'sandbox-echo',
      content: [{ type: 'text', text: HELLO }],
      stop_reason: 'end_turn',
    });
    const { input_tokens: input, output_tokens: output } = data.usage;
    const charged = response.headers.get('x-credits-charged');
    expect(charged).toBe(((input + output) / 1_000).toFixed(6));
    expect(request_id).toBe(response.headers.get('x-request-id'));
    const receipt = await caller.get(`/v1/usage/${request_id}`);
    expect(receipt.body).toMatchObject({ creditsCharged: charged, model: 'sandbox-echo', operation: 'chat' });
    expect(await caller.openHolds()).toBe(0);
  });

  it('chats with a key in x-api-key, where older ones put it, and with an access token', async () => {
    const signedIn = new Anthropic({ baseURL: bench.server.url, apiKey: null, authToken: caller.token });
    for (const other of [byHeader(await caller.makeKey()), signedIn]) {
      expect((await other.messages.create(ASK)).content).toMatchObject([{ type: 'text', text: HELLO }]);
    }
  });

  it('streams, and is told the charge once it is durable', async () => {
    const types: string[] = [];
    let text = '';
    let told: Record<string, string> | undefined;
    for await (const event of await client.messages.create({ ...ASK, stream: true })) {
      types.push(event.type);
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
      if (event.type === 'message_delta') {
        told = (event as unknown as { tollgate: Record<string, string> }).tollgate;
        expect(event.delta.stop_reason).toBe('end_turn');
        expect(event.usage.input_tokens).toBeGreaterThan(0);
        // Durable before it is told: no other request of this caller is under way.
        expect(await caller.ledger()).toMatchObject([{ outcome: 'completed', usage_source: 'provider' }]);
      }
    }
    expect(text).toBe(HELLO);
    const [deltas, ends] = [types.filter((type) => type === 'content_block_delta').length, types.slice(-3)];
    expect(deltas).toBeGreaterThan(1);
    expect(types.slice(0, 2)).toEqual(['message_start', 'content_block_start']);
    expect(ends).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
    const receipt = await caller.get(`/v1/usage/${told?.['request_id']}`);
    expect(receipt.body).toMatchObject({ creditsCharged: told?.['credits_charged'] });
  });

  it('is charged what the same chat costs over chat completions, streamed or not', async () => {
    const messages = [{ role: 'system' as const, content: 'Be kind.' }, ...ASK.messages];
    await caller.openai.chat.completions.create({ model: 'sandbox-echo', max_tokens: 100, messages });
    await client.messages.create({ ...ASK, system: 'Be kind.' });
    await client.messages.stream({ ...ASK, system: [{ type: 'text', text: 'Be kind.' }] }).finalMessage();
    const rows = await caller.ledger();
    expect(rows).toHaveLength(3);
    for (const column of ['credits_ucr', 'input_tokens', 'output_tokens', 'operation'] as const) {
      expect(new Set(rows.map((row) => row[column])).size).toBe(1);
    }
    const held = await caller.query<{ amount_ucr: string }>('select amount_ucr from credit_holds where user_id = ?');
    expect(new Set(held.map((hold) => hold.amount_ucr)).size).toBe(1);
  });

  it.each([false, true])(
    'has a model think on from tools with its blocks as they came (stream: %s)',
    async (stream) => {
      mock.behave({ thinking: 'Oslo, I think.', redacted: 'sealed', toolCall: { name: 'get_weather', input: {} } });
      const asked: Anthropic.MessageParam[] = [{ role: 'user', content: 'Weather in Oslo?' }];
      const thinking = { type: 'enabled' as const, budget_tokens: 1_024 };
      const ask = { model: CLAUDE, max_tokens: 4_000, thinking, tools: TOOLS, messages: asked };
      const { content } = stream ? await client.messages.stream(ask).finalMessage() : await client.messages.create(ask);
      expect(content).toMatchObject([
        { type: 'thinking', thinking: 'Oslo, I think.', signature: 'signed: Oslo, I think.' },
        { type: 'redacted_thinking', data: 'sealed' },
        { type: 'tool_use', id: 'toolu_1' },
      ]);
      mock.behave({ text: 'It rains.' });
      const result: Anthropic.ToolResultBlockParam = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain' };
      const messages: Anthropic.MessageParam[] = [
        ...asked,
        { role: 'assistant', content },
        { role: 'user', content: [result] },
      ];
      expect((await client.messages.create({ ...ask, messages })).content).toMatchObject([{ text: 'It rains.' }]);
      // Another provider is not shown what it cannot read.
      const echoed = await client.messages.create({ ...ASK, tools: TOOLS, messages });
      expect(echoed.content).toMatchObject([{ type: 'text', text: 'rain' }]);
    },
  );

  it('runs a conversation with tools, plain and streamed', async () => {
    const asked: Anthropic.MessageParam[] = [{ role: 'user', content: 'Use get_weather for Paris' }];
    const request = { model: 'sandbox-echo', max_tokens: 200, tools: TOOLS };
    const plain = await client.messages.create({ ...request, messages: asked });
    const streamed = await client.messages.stream({ ...request, messages: asked }).finalMessage();
    for (const { content, stop_reason } of [plain, streamed]) {
      expect(stop_reason).toBe('tool_use');
      expect(content).toMatchObject([{ type: 'tool_use', name: 'get_weather', input: { city: 'sandbox' } }]);
    }
    const [call] = streamed.content;
    if (call?.type !== 'tool_use') throw new Error('no tool was called');
    const result: Anthropic.ToolResultBlockParam = { type: 'tool_result', tool_use_id: call.id, content: 'Sunny' };
    const answered = await client.messages.create({
      ...request,
      messages: [...asked, { role: 'assistant', content: streamed.content }, { role: 'user', content: [result] }],
    });
    expect(answered.content).toMatchObject([{ type: 'text', text: 'Sunny' }]);
    const forced = await client.messages.create({ ...ASK, tools: TOOLS, tool_choice: { type: 'any' } });
    expect(forced.stop_reason).toBe('tool_use');
    const none = await client.messages.create({ ...request, messages: asked, tool_choice: { type: 'none' } });
    expect(none.stop_reason).toBe('end_turn');
    const operations = (await caller.ledger()).map((row) => row.operation);
    expect(operations).toEqual(['function_call', 'function_call', 'chat', 'function_call', 'chat']);
  });

  it('shows images, and learns which one is none', async () => {
    const look = (source: Anthropic.Base64ImageSource): Promise<Anthropic.Message> =>
      client.messages.create({
        ...ASK,
        model: 'sandbox-vision',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image', source },
            ],
          },
        ],
      });
    expect((await look(IMAGE)).content).toMatchObject([{ type: 'text', text: 'What is this? [1 image]' }]);
    expect(await caller.ledger()).toMatchObject([{ image_count: 1 }]);
    const refused = await refusedAs(look({ ...IMAGE, data: 'bm90IGFuIGltYWdl' }));
    expect(refused.error.error).toMatchObject({ code: 'invalid_image', param: 'messages[0].content[1].source' });
  });

  it('reaches Anthropic itself with everything that it asked for, and gets all of the answer', async () => {
    const usage = {
      input_tokens: 500,
      cache_creation_input_tokens: 200,
      cache_read_input_tokens: 300,
      output_tokens: 120,
      output_tokens_details: { thinking_tokens: 70 },
    };
    mock.behave({
      thinking: 'Let me see.',
      text: 'It is sunny.',
      toolCall: { name: 'get_weather', input: { city: 'Oslo' } },
      usage,
    });
    const request = {
      ...ASK,
      model: CLAUDE,
      max_tokens: 200,
      system: 'Be kind.',
      tools: TOOLS,
      tool_choice: { type: 'auto' as const, disable_parallel_tool_use: true },
      stop_sequences: ['END'],
      temperature: 0.5,
      metadata: { user_id: 'u-1' },
    };
    const plain = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    const blocks = [
      { type: 'thinking', thinking: 'Let me see.' },
      { type: 'text', text: 'It is sunny.' },
      { type: 'tool_use', name: 'get_weather', input: { city: 'Oslo' } },
    ];
    for (const message of [plain, streamed]) {
      expect(message).toMatchObject({ content: blocks, stop_reason: 'tool_use', usage });
    }
    for (const { body } of mock.calls) {
      expect(body).toMatchObject({
        system: [{ type: 'text', text: 'Be kind.' }],
        max_tokens: 200,
        stop_sequences: ['END'],
        temperature: 0.5,
        metadata: { user_id: 'u-1' },
        tools: [{ name: 'get_weather', input_schema: TOOLS[0]?.input_schema }],
        tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      });
    }
    expect((await caller.ledger()).map((row) => row.input_tokens)).toEqual([1_000, 1_000]);
    const schema = { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false };
    mock.behave({ text: '{"city":"Oslo"}' });
    await client.messages.create({ ...ASK, model: CLAUDE, output_config: { format: { type: 'json_schema', schema } } });
    expect(JSON.stringify(mock.calls.at(-1)?.body)).toContain('"city"');
  });

  it.each([
    ['an unknown model', { model: 'gpt-99' }, 404, 'not_found_error', 'model_not_found', 'model'],
    ['a model of a higher plan', { model: 'gpt-5' }, 403, 'permission_error', 'tier_required', 'model'],
    ['an unknown field', { colour: 'red' }, 400, 'invalid_request_error', 'unknown_parameter', 'colour'],
    [
      'an unknown field inside',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', x: 1 }] }] },
      400,
      'invalid_request_error',
      'unknown_parameter',
      'messages[0].content[0].x',
    ],
    ['no messages', { messages: [] }, 400, 'invalid_request_error', 'invalid_request', 'messages'],
    [
      'a block of another type',
      { messages: [{ role: 'user', content: [{ type: 'document' }] }] },
      400,
      'invalid_request_error',
      'invalid_request',
      'messages[0].content[0].type',
    ],
    [
      'prompt caching that has no price',
      { system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      400,
      'invalid_request_error',
      'unsupported_parameter',
      'cache_control',
    ],
    [
      'a value out of range',
      { temperature: 3 },
      400,
      'invalid_request_error',
      'parameter_constraint_violation',
      'temperature',
    ],
    [
      'too many stop sequences',
      { stop_sequences: ['a', 'b', 'c', 'd', 'e'] },
      400,
      'invalid_request_error',
      'parameter_constraint_violation',
      'stop_sequences',
    ],
    [
      'an effort that the model does not know',
      { model: 'gpt-5-nano', output_config: { effort: 'max' } },
      400,
      'invalid_request_error',
      'parameter_constraint_violation',
      'output_config.effort',
    ],
    [
      'a contradiction',
      { thinking: { type: 'disabled' }, output_config: { effort: 'high' } },
      400,
      'invalid_request_error',
      'invalid_request',
      'thinking',
    ],
    [
      'a result that no tool was called for',
      { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'Sunny' }] }] },
      400,
      'invalid_request_error',
      'invalid_request',
      'messages[0].content[0].tool_use_id',
    ],
    [
      'a tool without vision',
      { model: 'sandbox-vision', tools: TOOLS },
      400,
      'invalid_request_error',
      'capability_not_supported',
      'tools',
    ],
  ])('reads the refusal of %s as its own, in its own words', async (_name, change, ...expected) => {
    const [status, type, code, param] = expected;
    const refused = await refusedAs(client.messages.create({ ...ASK, ...change } as never));
    expect(refused).toMatchObject({ status, type, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(refused.error).toMatchObject({ type: 'error', request_id: refused.requestID, error: { type, code, param } });
    expect(refused.error.error.message).toContain(String(param === 'stop_sequences' ? param : ''));
    const streamed = await refusedAs(client.messages.create({ ...ASK, ...change, stream: true } as never));
    expect(streamed).toMatchObject({ status, type });
    await caller.expectUntouched();
  });

  it('does not retry what a retry cannot mend, and knows its errors by class', async () => {
    const counting = countingFetch();
    const poor = await bench.caller();
    const spender = await poor.anthropic({ fetch: counting.fetch });
    await poor.owe(1_500_000);
    const refusedForDebt = await refusedAs(spender.messages.create(ASK));
    await poor.owe(0);
    expect(refusedForDebt).toMatchObject({ status: 402, type: 'billing_error' });
    expect(refusedForDebt.error.error).toMatchObject({ code: 'debt_outstanding', details: { debt: '1.500000' } });
    expect(counting.calls()).toBe(1);
    const bad = await refusedAs(spender.messages.create({ ...ASK, messages: [] }));
    expect(bad).toBeInstanceOf(Anthropic.BadRequestError);
    const strangers = [
      new Anthropic({ baseURL: bench.server.url, apiKey: 'nonsense' }),
      byHeader('nonsense'),
      // An access token is no API key.
      byHeader(caller.token),
    ];
    for (const stranger of strangers) {
      const refused = await refusedAs(stranger.messages.create(ASK));
      expect(refused).toBeInstanceOf(Anthropic.AuthenticationError);
      expect(refused).toMatchObject({ type: 'authentication_error' });
    }
    const both = await poor.post('/v1/messages', ASK, { 'x-api-key': await poor.makeKey() });
    expect(both).toMatchObject({ status: 401, body: { type: 'error', error: { type: 'authentication_error' } } });
    const token = await issueToken(bench.server.app, { email: 'reader@example.com', scopes: ['models.read'] });
    const reader = new Anthropic({ baseURL: bench.server.url, apiKey: null, authToken: token });
    expect(await refusedAs(reader.messages.create(ASK))).toBeInstanceOf(Anthropic.PermissionDeniedError);
    await poor.expectUntouched();
  });

  it('waits as long as it is told when it goes too fast', async () => {
    const eager = await bench.caller();
    const hasty = await eager.anthropic({ maxRetries: 0 });
    let refused: Refusal | null = null;
    for (let sent = 0; sent < 60 && !refused; sent += 1) {
      refused = await hasty.messages.create(ASK).then(
        () => null,
        (error: unknown) => error as Refusal,
      );
    }
    expect(refused).toBeInstanceOf(Anthropic.RateLimitError);
    expect(refused).toMatchObject({ type: 'rate_limit_error' });
    expect(Number(refused?.headers?.get('retry-after'))).toBeGreaterThan(0);
    expect(refused?.headers?.get('x-should-retry')).not.toBe('false');
  });

  // Planted: run together. What a tool found in several places was read as one word, and so were two instructions.
  it('has the texts of a result and of the instructions kept apart', async () => {
    const text = (words: string) => ({ type: 'text' as const, text: words });
    const call = { type: 'tool_use' as const, id: 'toolu_1', name: 'find', input: {} };
    const result = { type: 'tool_result' as const, tool_use_id: call.id, content: [text('Oslo'), text('Rome')] };
    const messages = [
      ...ASK.messages,
      { role: 'assistant' as const, content: [call] },
      { role: 'user' as const, content: [result] },
    ];
    const system = [text('Be brief.'), text('Be kind.')];
    await client.messages.create({ ...ASK, model: CLAUDE, system, messages });
    expect(mock.calls[0]?.body).toMatchObject({
      system: [{ text: 'Be brief.' }, { text: 'Be kind.' }],
      messages: [{}, {}, { content: [{ type: 'tool_result', content: 'Oslo\nRome' }] }],
    });
    const echoed = await client.messages.create({ ...ASK, messages });
    expect(echoed.content).toMatchObject([{ type: 'text', text: 'Oslo\nRome' }]);
  });

  it('leaves out by name what it wants dropped', async () => {
    const cached = {
      ...ASK,
      colour: 'red',
      system: [{ type: 'text' as const, text: 'Be kind.', cache_control: { type: 'ephemeral' as const } }],
    };
    const { response } = await client.messages
      .create(cached, { headers: { 'X-Unsupported-Parameters': 'drop' } })
      .withResponse();
    const applied = response.headers.get('x-parameters-applied');
    expect(applied).toContain('colour=dropped');
    expect(applied).toContain('cache_control=dropped');
  });

  it.each([false, true])('is charged once for a key, and answered the same again (streamed: %s)', async (stream) => {
    const send = async () => {
      const answer = await caller.post('/v1/messages', { ...ASK, stream }, { 'idempotency-key': `once-${stream}` });
      return { ...answer, replayed: answer.headers.get('idempotent-replayed') };
    };
    const first = await send();
    const again = await send();
    expect([first.replayed, again.replayed]).toEqual([null, 'true']);
    expect(withoutBalance(again.body)).toBe(withoutBalance(first.body));
    expect(again.headers.get('request-id')).toBe(first.headers.get('x-request-id'));
    if (stream) expect(again.body['text']).toContain('event: message_stop');
    expect(await caller.ledger()).toHaveLength(1);
    const other = await caller.post('/v1/messages', { ...ASK, max_tokens: 7 }, { 'idempotency-key': `once-${stream}` });
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ type: 'error', error: { code: 'idempotency_mismatch' } });
  });

  it('learns of a stream that broke from an error in the stream', async () => {
    const stream = client.messages.stream({ ...ASK, model: 'sandbox-drop-mid-stream' });
    const error = await refusedAs(stream.finalMessage());
    expect(error.error).toMatchObject({ type: 'error', error: { type: 'api_error', code: 'provider_error' } });
    expect(error.error.error.details['credits_charged']).toMatch(/^\d+\.\d{6}$/);
    expect(await caller.settled()).toMatchObject([{ outcome: 'provider_error', usage_source: 'estimated' }]);
  });

  it('that leaves in the middle is charged, and nothing stays held', async () => {
    mock.behave({ text: 'word '.repeat(200), delayMs: 5 });
    const stream = await client.messages.create({ ...ASK, model: CLAUDE, max_tokens: 1_000, stream: true });
    for await (const event of stream) if (event.type === 'content_block_delta') stream.controller.abort();
    expect(await caller.settled()).toMatchObject([{ outcome: 'client_aborted' }]);
    expect(await caller.openHolds()).toBe(0);
  });
});
