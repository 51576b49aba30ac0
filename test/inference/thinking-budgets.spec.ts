import { AnthropicMock } from '../support/anthropic-mock.js';
import { GoogleMock } from '../support/google-mock.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';

const CLAUDE = 'claude-sonnet-4-5';
const messages = [{ role: 'user', content: 'How many words are in this question?' }];

describe('how much of an output limit is thought', () => {
  const anthropic = new AnthropicMock();
  const google = new GoogleMock();
  const openai = new OpenAiMock();
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    await Promise.all([anthropic.start(), google.start(), openai.start()]);
    bench = await ChatBench.start({
      env: {
        ANTHROPIC_BASE_URL: anthropic.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant-operator',
        GOOGLE_BASE_URL: google.baseUrl,
        GOOGLE_API_KEY: 'AIza-operator',
        OPENAI_BASE_URL: openai.baseUrl,
        OPENAI_API_KEY: 'sk-operator',
      },
    });
    caller = await bench.caller('pro_max');
  });
  beforeEach(() => {
    anthropic.calls.length = 0;
    google.calls.length = 0;
  });
  afterAll(async () => {
    await bench.close();
    await Promise.all([anthropic.close(), google.close(), openai.close()]);
  });

  const thinkingConfig = () =>
    (google.calls[0]!.body['generationConfig'] as { thinkingConfig?: object }).thinkingConfig;

  // Planted: the budget that Gemini's library finds by itself, of which 4 000 tokens leave nothing for an answer.
  it.each([
    ['gemini-2.5-pro', 'minimal', 4_000, 1_311],
    ['gemini-2.5-pro', 'low', 4_000, 2_000],
    ['gemini-2.5-pro', 'high', 4_000, 2_000],
    ['gemini-2.5-pro', 'low', 60_000, 6_554],
    ['gemini-2.5-pro', 'xhigh', 65_536, 32_768],
    ['gemini-2.5-flash', 'high', 300, 150],
    ['gemini-2.5-flash-lite', 'high', 1_024, 512],
  ])('%s with the effort %s of %i tokens: %i', async (model, reasoning_effort, max_tokens, thinkingBudget) => {
    const answer = await caller.chat({ model, messages, reasoning_effort, max_tokens });
    expect(answer.status).toBe(200);
    expect(google.calls[0]!.body['generationConfig']).toMatchObject({ maxOutputTokens: max_tokens });
    expect(thinkingConfig()).toEqual({ includeThoughts: true, thinkingBudget });
  });

  it.each([
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
    ['gemini-2.5-pro', 'none', { thinkingBudget: 128 }],
    ['gemini-3-flash-preview', 'none', { thinkingLevel: 'minimal' }],
    ['gemini-3-flash-preview', 'xhigh', { includeThoughts: true, thinkingLevel: 'high' }],
    ['gemini-3-pro-preview', 'minimal', { includeThoughts: true, thinkingLevel: 'low' }],
  ])('%s with the effort %s: the nearest that it offers', async (model, reasoning_effort, expected) => {
    expect((await caller.chat({ model, messages, reasoning_effort, max_tokens: 4_000 })).status).toBe(200);
    expect(thinkingConfig()).toEqual(expected);
  });

  it.each([
    ['gemini-2.5-pro', 255, '256'],
    ['gemini-2.5-flash-lite', 1_023, '1024'],
    [CLAUDE, 2_047, '2048'],
  ])('%s is not asked where %i tokens leave no room for any', async (model, max_tokens, least) => {
    const answer = await caller.chat({ model, messages, reasoning_effort: 'low', max_tokens });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'provider_rejected' } } });
    expect(JSON.stringify(answer.body)).toContain(`at least ${least} tokens`);
    expect([...google.calls, ...anthropic.calls]).toEqual([]);
  });

  // Planted: half of the limit at most, whatever was asked for.
  it.each([
    [1_024, 2_000, 1_024],
    [1_024, 1_025, 1_024],
    [6_000, 8_000, 6_000],
    [500, 4_000, 2_000],
    [8_000, 8_000, 4_000],
  ])('a budget of %i in %i is %i in Messages', async (budget_tokens, max_tokens, sent) => {
    const thinking = { type: 'enabled', budget_tokens };
    const answer = await caller.post('/v1/messages', { model: CLAUDE, max_tokens, thinking, messages });
    expect(answer.status).toBe(200);
    expect(anthropic.calls[0]?.body).toMatchObject({ max_tokens, thinking: { type: 'enabled', budget_tokens: sent } });
  });

  it('a budget of Messages is honoured by Gemini, and no member of what OpenAI is sent or clients may send', async () => {
    const thinking = { type: 'enabled', budget_tokens: 3_000 };
    const say = { max_tokens: 4_000, thinking, messages };
    expect((await caller.post('/v1/messages', { model: 'gemini-2.5-pro', ...say })).status).toBe(200);
    expect(thinkingConfig()).toEqual({ includeThoughts: true, thinkingBudget: 3_000 });
    expect((await caller.post('/v1/messages', { model: 'gpt-5-nano', ...say })).status).toBe(200);
    expect(openai.requests[0]?.body).toMatchObject({ reasoning_effort: 'low' });
    expect(openai.requests[0]?.body).not.toHaveProperty('thinking_budget');
    const refused = await caller.chat({ model: 'gemini-2.5-pro', messages, thinking_budget: 3_000 });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'unknown_parameter' } } });
  });
});
