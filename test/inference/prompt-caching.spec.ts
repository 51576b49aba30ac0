import type Anthropic from '@anthropic-ai/sdk';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { addModel } from './model-copies.js';

const CLAUDE = 'claude-sonnet-4-5';
const MARK = { cache_control: { type: 'ephemeral' as const } };
const APPLIED = 'x-parameters-applied';
const TOOL = { name: 'get_weather', description: 'The weather', input_schema: { type: 'object' as const } };
const CALL = { type: 'tool_use' as const, id: 'toolu_1', name: TOOL.name, input: { city: 'Oslo' } };
const RESULT = { type: 'tool_result' as const, tool_use_id: CALL.id };
/** 1 000 written to the cache at a price of their own, 2 000 read from it, 10 of input and 20 of output. */
const USAGE = {
  input_tokens: 10,
  cache_creation_input_tokens: 1_000,
  cache_read_input_tokens: 2_000,
  output_tokens: 20,
};

describe('the parts of a prompt that are marked for caching', () => {
  let anthropic: AnthropicMock;
  let openai: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    anthropic = await new AnthropicMock().start();
    openai = await new OpenAiMock().start();
    bench = await ChatBench.start({
      env: {
        ANTHROPIC_BASE_URL: anthropic.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant-operator',
        OPENAI_BASE_URL: openai.baseUrl,
        OPENAI_API_KEY: 'sk-operator',
      },
    });
    bench.keepCircuitsClosed();
  });
  beforeEach(async () => {
    anthropic.behave({});
    anthropic.calls.length = 0;
    openai.requests.length = 0;
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await anthropic.close();
    await openai.close();
  });

  // Removed once each: the mark of instructions, of a tool, of its call and result, of a text; the expectation of that place failed.
  it('are marked for Anthropic where its own client marked them, and what is written costs its own price', async () => {
    anthropic.behave({ usage: USAGE });
    const client = await caller.anthropic();
    const request: Anthropic.MessageCreateParamsNonStreaming = {
      model: CLAUDE,
      max_tokens: 100,
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'A long book.', ...MARK },
      ],
      tools: [{ ...TOOL, cache_control: { type: 'ephemeral', ttl: '5m' } }],
      messages: [
        { role: 'user', content: 'What is the weather in Oslo?' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { ...CALL, ...MARK },
          ],
        },
        {
          role: 'user',
          content: [
            { ...RESULT, content: 'Rain', ...MARK },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    };
    const { data, response } = await client.messages.create(request).withResponse();
    expect(response.headers.get(APPLIED) ?? '').not.toContain('cache_control');
    const [call] = anthropic.calls;
    expect(call?.body).toMatchObject({
      system: [{ text: 'Be brief.' }, { text: 'A long book.', ...MARK }],
      tools: [{ name: TOOL.name, ...MARK }],
      messages: [
        { role: 'user' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: CALL.id, ...MARK },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: CALL.id, ...MARK }, { text: 'And?' }] },
      ],
    });
    expect(JSON.stringify(call?.body).split('cache_control')).toHaveLength(5);
    expect(data.usage).toMatchObject(USAGE);
    const [row] = await caller.query<{ cost_nusd: string; cache_write_tokens: number; cached_input_tokens: number }>(
      'select cost_nusd, cache_write_tokens, cached_input_tokens from token_usage_ledger where user_id = ?',
    );
    // Its prices a million: input 3, read 0.30, written 3.75, output 15 USD.
    const cost = 10 * 3_000 + 2_000 * 300 + 1_000 * 3_750 + 20 * 15_000;
    expect(row).toEqual({ cost_nusd: String(cost), cache_write_tokens: 1_000, cached_input_tokens: 2_000 });
  });

  it.each([false, true])('are marked in Chat Completions by the same member (stream: %s)', async (stream) => {
    const content = [
      { type: 'text', text: 'A long book.', ...MARK },
      { type: 'text', text: 'What is it about?' },
    ];
    expect((await caller.chat({ model: CLAUDE, messages: [{ role: 'user', content }], stream })).status).toBe(200);
    expect(anthropic.calls[0]?.body['messages']).toEqual([{ role: 'user', content }]);
  });

  // Removed once: the look at the price. What had none of its own was cached, at a loss.
  it('are not marked for a model that writes to the cache without a price, or that takes no marks, and that is said', async () => {
    const meta = { providerCosts: { cachedInput: 300 } };
    await addModel(bench.server, { id: 'no-price-of-writing', like: CLAUDE, provider: 'anthropic', meta });
    const content = [{ type: 'text', text: 'A long book.', ...MARK }];
    const messages = [{ role: 'user', content }];
    const tools = [{ type: 'function', function: { name: TOOL.name }, ...MARK }];
    for (const model of ['no-price-of-writing', 'gpt-5-nano', 'sandbox-echo']) {
      const answer = await caller.chat({ model, messages, tools });
      expect([model, answer.status]).toEqual([model, 200]);
      expect(answer.headers.get(APPLIED)).toContain('cache_control=dropped');
    }
    expect(JSON.stringify([anthropic.calls, openai.requests])).not.toContain('cache_control');
    expect([anthropic.calls.length, openai.requests.length]).toEqual([1, 1]);
  });

  // Planted: the member not sent on; the member sent to who does not know it.
  it.each([
    ['/v1/messages', false],
    ['/v1/messages', true],
    ['/v1/chat/completions', false],
    ['/v1/chat/completions', true],
  ])('are all of it where the body is marked, over %s (stream: %s)', async (route, stream) => {
    const ask = { max_tokens: 100, messages: [{ role: 'user', content: 'A long book.' }], stream, ...MARK };
    const answer = await caller.post(route, { model: CLAUDE, ...ask });
    expect([answer.status, answer.headers.get(APPLIED) ?? '']).toEqual([200, expect.not.stringContaining('cache')]);
    expect(anthropic.calls).toMatchObject([{ body: MARK }]);
    for (const model of ['gpt-5-nano', 'sandbox-echo']) {
      const elsewhere = await caller.post(route, { model, ...ask });
      expect([model, elsewhere.status]).toEqual([model, 200]);
      expect(elsewhere.headers.get(APPLIED)).toContain('cache_control=dropped');
    }
    expect(JSON.stringify(openai.requests)).not.toContain('cache_control');
    const nothing = await caller.post(route, { model: CLAUDE, ...ask, cache_control: null });
    expect(nothing.status).toBe(200);
    expect(JSON.stringify(anthropic.calls[1])).not.toContain('cache_control');
  });

  // Planted: no count. The library leaves out the marks beyond the fourth, which are those of the last turns, and says nothing.
  it('are refused where there are more of them than Anthropic takes', async () => {
    const content = Array.from({ length: 4 }, (_, index) => ({ type: 'text', text: `Chapter ${index}.`, ...MARK }));
    const ask = { model: CLAUDE, max_tokens: 100, messages: [{ role: 'user', content }] };
    expect((await caller.post('/v1/messages', ask)).status).toBe(200);
    for (const more of [MARK, { messages: [{ role: 'user', content: [...content, content[0]] }] }]) {
      const { status, body } = await caller.post('/v1/messages', { ...ask, ...more });
      expect({ status, body }).toMatchObject({ status: 400, body: { error: { code: 'provider_rejected' } } });
      expect((body['error'] as { message: string }).message).toContain('at most 4');
    }
    expect(anthropic.calls).toHaveLength(1);
  });

  it('are refused where they are to stay longer than there is a price for, naming the way out', async () => {
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } };
    const content = [{ type: 'text', text: 'A long book.', ...mark }];
    const ask = { model: CLAUDE, max_tokens: 100, messages: [{ role: 'user', content }] };
    const refused = await caller.refusedChat(ask);
    expect(refused).toMatchObject({ status: 400, error: { param: 'messages[0].content[0].cache_control.ttl' } });
    expect(refused.error.message).toContain('must be "5m"');
    const whole = { ...ask, messages: [{ role: 'user', content: 'A long book.' }], ...mark };
    expect(await caller.refusedChat(whole)).toMatchObject({ status: 400, error: { param: 'cache_control.ttl' } });
    expect((await caller.post('/v1/messages', whole)).body['error']).toMatchObject({ param: 'cache_control' });
    const message = await caller.post('/v1/messages', ask);
    expect(message.body['error']).toMatchObject({ code: 'unsupported_parameter', param: 'cache_control' });
    const dropped = await caller.post('/v1/messages', ask, { 'x-unsupported-parameters': 'drop' });
    expect(dropped.status).toBe(200);
    expect(JSON.stringify(anthropic.calls)).not.toContain('cache_control');
  });
});
