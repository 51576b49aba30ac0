import OpenAI from 'openai';
import { dataUri, png } from '../support/images.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { countingFetch, refusalOf, WEATHER_TOOL, withoutBalance } from './sdk-calls.js';

const HELLO = 'Hello, sandbox! How are you today?';
const ASK = { model: 'sandbox-echo', max_output_tokens: 100, input: HELLO };
const TOOLS = [WEATHER_TOOL];
const UPSTREAM = 'gpt-5-nano';

type Refusal = InstanceType<typeof OpenAI.APIError>;

describe('the official OpenAI client, over the Responses API', () => {
  let mock: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;
  let client: OpenAI;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'sk-operator' } });
  });
  beforeEach(async () => {
    mock.behave({});
    mock.requests.length = 0;
    caller = await bench.caller('pro');
    client = caller.openai;
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  const refusedAs = (request: Promise<unknown>) => refusalOf(request, OpenAI.APIError) as Promise<Refusal>;

  it('is answered, and told what it was charged', async () => {
    const { data, response } = await client.responses.create({ ...ASK, instructions: 'Be kind.' }).withResponse();
    expect(data.output_text).toBe(HELLO);
    expect(data).toMatchObject({ object: 'response', status: 'completed', model: 'sandbox-echo', store: false });
    const charged = response.headers.get('x-credits-charged');
    expect(charged).toBe(((data.usage?.total_tokens ?? 0) / 1_000).toFixed(6));
    const receipt = await caller.get(`/v1/usage/${response.headers.get('x-request-id')}`);
    expect(receipt.body).toMatchObject({ creditsCharged: charged, model: 'sandbox-echo', operation: 'chat' });
    const short = await client.responses.create({ ...ASK, max_output_tokens: 2 });
    expect(short).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(await caller.openHolds()).toBe(0);
  });

  it('streams, and is told the charge once it is durable', async () => {
    const types: string[] = [];
    let text = '';
    let told: Record<string, string> | undefined;
    for await (const event of await client.responses.create({ ...ASK, stream: true })) {
      types.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type !== 'response.completed') continue;
      told = (event.response as unknown as { tollgate: Record<string, string> }).tollgate;
      expect(event.response.usage?.input_tokens).toBeGreaterThan(0);
      expect(await caller.ledger()).toMatchObject([{ outcome: 'completed', usage_source: 'provider' }]);
    }
    expect(text).toBe(HELLO);
    expect(types.slice(0, 4)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
    ]);
    expect(types.slice(-4)).toEqual([
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const receipt = await caller.get(`/v1/usage/${told?.['request_id']}`);
    expect(receipt.body).toMatchObject({ creditsCharged: told?.['credits_charged'] });
  });

  it('is charged what the same chat costs over chat completions, streamed or not', async () => {
    const messages = [
      { role: 'system' as const, content: 'Be kind.' },
      { role: 'user' as const, content: HELLO },
    ];
    await client.chat.completions.create({ model: 'sandbox-echo', max_completion_tokens: 100, messages });
    await client.responses.create({ ...ASK, instructions: 'Be kind.' });
    await client.responses.stream({ ...ASK, input: messages }).finalResponse();
    const rows = await caller.ledger();
    expect(rows).toHaveLength(3);
    for (const column of ['credits_ucr', 'input_tokens', 'output_tokens', 'operation'] as const) {
      expect(new Set(rows.map((row) => row[column])).size).toBe(1);
    }
    const held = await caller.query<{ amount_ucr: string }>('select amount_ucr from credit_holds where user_id = ?');
    expect(new Set(held.map((hold) => hold.amount_ucr)).size).toBe(1);
  });

  it('runs a conversation with tools, plain and streamed', async () => {
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Use get_weather for Paris' }];
    const request = { model: 'sandbox-echo', tools: TOOLS };
    const plain = await client.responses.create({ ...request, input });
    const streamed = await client.responses.stream({ ...request, input }).finalResponse();
    for (const { output } of [plain, streamed]) {
      expect(output).toMatchObject([{ type: 'function_call', name: 'get_weather', arguments: '{"city":"sandbox"}' }]);
    }
    const [call] = plain.output;
    if (call?.type !== 'function_call') throw new Error('no function was called');
    const result = { type: 'function_call_output' as const, call_id: call.call_id, output: 'Sunny' };
    const answered = await client.responses.create({ ...request, input: [...input, call, result] });
    expect(answered.output_text).toBe('Sunny');
    const forced = await client.responses.create({ ...ASK, tools: TOOLS, tool_choice: 'required' });
    expect(forced.output).toMatchObject([{ type: 'function_call' }]);
    const none = await client.responses.create({ ...request, input, tool_choice: 'none' });
    expect(none.output).toMatchObject([{ type: 'message' }]);
    const operations = (await caller.ledger()).map((row) => row.operation);
    expect(operations).toEqual(['function_call', 'function_call', 'chat', 'function_call', 'chat']);
  });

  it('shows images, and learns which one is none', async () => {
    const look = (image_url: string) =>
      client.responses.create({
        model: 'sandbox-vision',
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'What is this?' },
              { type: 'input_image', image_url, detail: 'auto' },
            ],
          },
        ],
      });
    expect((await look(dataUri('image/png', png(640, 480)))).output_text).toBe('What is this? [1 image]');
    expect(await caller.ledger()).toMatchObject([{ image_count: 1 }]);
    const refused = await refusedAs(look('data:image/svg+xml;base64,PHN2Zz4='));
    expect(refused).toMatchObject({ code: 'invalid_image', param: 'input[0].content[1].image_url' });
  });

  it('reaches a provider of chat completions with everything that it asked for', async () => {
    mock.behave({ content: '{"city":"Oslo"}' });
    const schema = { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false };
    const parsed = await client.responses.parse({
      model: UPSTREAM,
      input: [
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: 'Where?' },
      ],
      max_output_tokens: 200,
      reasoning: { effort: 'low' },
      text: { format: { type: 'json_schema', name: 'place', schema, strict: true }, verbosity: 'low' },
      tools: TOOLS,
      tool_choice: { type: 'function', name: 'get_weather' },
      parallel_tool_calls: false,
      metadata: { job: '1' },
      store: false,
    });
    expect(JSON.parse(parsed.output_text)).toEqual({ city: 'Oslo' });
    expect(parsed.text?.format).toMatchObject({ type: 'json_schema', name: 'place', schema });
    expect(mock.requests[0]?.body).toMatchObject({
      messages: [
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: 'Where?' },
      ],
      max_completion_tokens: 200,
      reasoning_effort: 'low',
      verbosity: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      tools: [{ type: 'function', function: { name: 'get_weather' } }],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      parallel_tool_calls: false,
    });
    expect(parsed.metadata).toEqual({ job: '1' });
    // OpenAI refuses what is noted down with an answer that is not kept.
    for (const field of ['store', 'metadata']) expect(mock.requests[0]?.body).not.toHaveProperty(field);
  });

  it.each([
    ['an unknown model', { model: 'gpt-99' }, 404, 'model_not_found', 'model'],
    ['a model of a higher plan', { model: 'gpt-5' }, 403, 'tier_required', 'model'],
    ['an unknown field', { colour: 'red' }, 400, 'unknown_parameter', 'colour'],
    ['no input', { input: [] }, 400, 'invalid_request', 'input'],
    [
      'an item of another type',
      { input: [{ type: 'item_reference', id: 'a' }] },
      400,
      'invalid_request',
      'input[0].type',
    ],
    [
      'an image of the model',
      { input: [{ role: 'assistant', content: [{ type: 'input_image', image_url: 'x' }] }] },
      400,
      'invalid_request',
      'input[0].content[0].type',
    ],
    [
      'a result that no tool was called for',
      { input: [{ type: 'function_call_output', call_id: 'call_1', output: 'Sunny' }] },
      400,
      'invalid_request',
      'input[0].call_id',
    ],
    [
      'two open calls of one id',
      { input: [1, 2].map(() => ({ type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' })) },
      400,
      'invalid_request',
      'input[1].call_id',
    ],
    ['a tool of the provider', { tools: [{ type: 'web_search' }] }, 400, 'invalid_request', 'tools[0].type'],
    ['a kept answer', { store: true }, 400, 'invalid_request', 'store'],
    ['an earlier answer', { previous_response_id: 'resp_1' }, 400, 'invalid_request', 'previous_response_id'],
    ['an answer for later', { background: true }, 400, 'invalid_request', 'background'],
    ['another price', { service_tier: 'priority' }, 400, 'unsupported_parameter', 'service_tier'],
    ['a value out of range', { temperature: 3 }, 400, 'parameter_constraint_violation', 'temperature'],
    [
      'an output limit beyond the model',
      { max_output_tokens: 1e15 },
      400,
      'parameter_constraint_violation',
      'max_output_tokens',
    ],
    [
      'an effort that the model does not know',
      { model: UPSTREAM, reasoning: { effort: 'max' } },
      400,
      'parameter_constraint_violation',
      'reasoning.effort',
    ],
  ])('reads the refusal of %s as its own, in its own words', async (_name, change, ...expected) => {
    const [status, code, param] = expected;
    const refused = await refusedAs(client.responses.create({ ...ASK, ...change } as never));
    expect(refused).toMatchObject({ status, code, param, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const streamed = await refusedAs(client.responses.create({ ...ASK, ...change, stream: true } as never));
    expect(streamed).toMatchObject({ status, code, param });
    await caller.expectUntouched();
  });

  it('does not retry what a retry cannot mend', async () => {
    const poor = await bench.caller();
    const counting = countingFetch();
    const spender = new OpenAI({
      baseURL: `${bench.server.url}/v1`,
      apiKey: await poor.makeKey(),
      fetch: counting.fetch,
    });
    await poor.owe(1_500_000);
    const refused = await refusedAs(spender.responses.create(ASK));
    await poor.owe(0);
    expect(refused).toMatchObject({ status: 402, code: 'debt_outstanding', type: 'insufficient_quota' });
    expect(counting.calls()).toBe(1);
    await poor.expectUntouched();
  });

  it.each([false, true])('is charged once for a key, and answered the same again (streamed: %s)', async (stream) => {
    const send = () => caller.post('/v1/responses', { ...ASK, stream }, { 'idempotency-key': `once-${stream}` });
    const first = await send();
    const again = await send();
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(withoutBalance(again.body)).toBe(withoutBalance(first.body));
    if (stream) expect(again.body['text']).toContain('event: response.completed');
    expect(await caller.ledger()).toHaveLength(1);
  });

  it('learns of a stream that broke from an error in the stream', async () => {
    const read = async () => {
      const stream = await client.responses.create({ ...ASK, model: 'sandbox-drop-mid-stream', stream: true });
      for await (const event of stream) expect(event.type).toMatch(/^response\./);
    };
    const error = await refusedAs(read());
    expect(error).toMatchObject({
      code: 'provider_error',
      error: { details: { credits_charged: expect.any(String) } },
    });
    expect(await caller.settled()).toMatchObject([{ outcome: 'provider_error', usage_source: 'estimated' }]);
  });

  it('that leaves in the middle is charged, and nothing stays held', async () => {
    mock.behave({ content: 'word '.repeat(200), delayMs: 5 });
    const stream = await client.responses.create({ ...ASK, model: UPSTREAM, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') stream.controller.abort();
    expect(await caller.settled()).toMatchObject([{ outcome: 'client_aborted' }]);
    expect(await caller.openHolds()).toBe(0);
  });
});
