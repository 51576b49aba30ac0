import OpenAI from 'openai';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { until } from '../support/until.js';
import { type Answer, Caller, ChatBench, type ErrorBody } from './chat-bench.js';

const MESSAGES = [{ role: 'user' as const, content: 'Hello' }];
const ANYTHING = { accept: '*/*' };
const NONE = { defaultModel: null, temperature: null, streaming: false };

describe('preferences', () => {
  let mock: OpenAiMock;
  const anthropic = new AnthropicMock();
  let bench: ChatBench;
  let second: TestApp;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    await anthropic.start();
    const env = {
      OPENAI_BASE_URL: mock.baseUrl,
      OPENAI_API_KEY: 'sk-test',
      ANTHROPIC_BASE_URL: anthropic.baseUrl,
      ANTHROPIC_API_KEY: 'sk-ant-test',
    };
    bench = await ChatBench.start({ env });
    second = await startTestApp({ database: bench.server.database, publicUrl: bench.server.url, env });
  });

  beforeEach(async () => {
    mock.requests.length = 0;
    anthropic.calls.length = 0;
    caller = await bench.caller('pro_max');
  });

  afterAll(async () => {
    await second.close();
    await bench.close();
    await Promise.all([mock.close(), anthropic.close()]);
  });

  async function prefer(wanted: object): Promise<Answer> {
    const response = await fetch(`${caller.url}/v1/me/preferences`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(wanted),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
  }

  function applied({ headers }: Answer): string | null {
    return headers.get('x-parameters-applied');
  }

  it('are none until they are saved, are replaced whole, and are one’s own', async () => {
    expect(await caller.get('/v1/me/preferences')).toMatchObject({ status: 200, body: NONE });
    const wanted = { defaultModel: 'sandbox-echo', temperature: 0.25, streaming: true };
    expect(await prefer(wanted)).toMatchObject({ status: 200, body: wanted });
    expect((await caller.get('/v1/me/preferences')).body).toEqual(wanted);
    const other = await bench.caller();
    expect((await other.get('/v1/me/preferences')).body).toEqual(NONE);
    expect((await prefer({ temperature: 1 })).body).toEqual({ ...NONE, temperature: 1 });
    expect((await caller.get('/v1/me/preferences')).body).toEqual({ ...NONE, temperature: 1 });
  });

  it.each([
    [{ temperature: 2.01 }, 'temperature'],
    [{ temperature: -0.1 }, 'temperature'],
    [{ temperature: 0.123 }, 'temperature'],
    [{ temperature: 'warm' }, 'temperature'],
    [{ defaultModel: '' }, 'defaultModel'],
    [{ defaultModel: 'm'.repeat(101) }, 'defaultModel'],
    [{ streaming: null }, 'streaming'],
    [{ colour: 'red' }, 'colour'],
  ])('%j are refused by field, and change nothing', async (wanted, field) => {
    await prefer({ temperature: 1 });
    const refused = await prefer(wanted);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
    expect((await caller.get('/v1/me/preferences')).body).toMatchObject({ temperature: 1 });
  });

  it.each(['gpt-99', 'claude-sonnet-4.5'])(
    'of the model %s, which has no such id, are refused as 422',
    async (model) => {
      expect(await prefer({ defaultModel: model })).toMatchObject({
        status: 422,
        body: { code: 'model_not_found', defaultModel: model, errors: [{ field: 'defaultModel' }] },
      });
    },
  );

  it('name the model and the temperature of a chat that leaves them out, and the receipt says so', async () => {
    await prefer({ defaultModel: 'gpt-4.1', temperature: 0.3 });
    const answer = await caller.chat({ messages: MESSAGES });
    expect(answer.status).toBe(200);
    expect(answer.body['model']).toBe('gpt-4.1');
    expect(mock.requests[0]?.body).toMatchObject({ temperature: 0.3 });
    expect(applied(answer)).toContain('model=preferred;value="gpt-4.1"');
    expect(applied(answer)).toContain('temperature=preferred;value=0.3');
    const receipt = await caller.get(`/v1/usage/${answer.headers.get('x-request-id')}`);
    expect(receipt.body['parameters']).toMatchObject({
      sent: { temperature: 0.3 },
      applied: expect.arrayContaining([
        { parameter: 'model', action: 'preferred', value: 'gpt-4.1', isPreference: true },
        { parameter: 'temperature', action: 'preferred', value: 0.3, isPreference: true },
      ]),
    });
    const estimate = await caller.post('/v1/estimates', { messages: MESSAGES });
    expect(estimate.body).toMatchObject({
      model: 'gpt-4.1',
      wouldPass: true,
      parameters: { sent: { temperature: 0.3 } },
    });
  });

  it('give way to what a chat says, null included', async () => {
    await prefer({ defaultModel: 'gpt-5', temperature: 0.3, streaming: true });
    const said = { model: 'gpt-4.1', messages: MESSAGES, stream: false };
    const [own, none] = [
      await caller.chat({ ...said, temperature: 0.9 }),
      await caller.chat({ ...said, temperature: null }),
    ];
    expect(mock.requests.map(({ body }) => body['temperature'])).toEqual([0.9, undefined]);
    for (const answer of [own, none]) {
      expect(answer.body['model']).toBe('gpt-4.1');
      expect(applied(answer)).not.toContain('prefer');
    }
  });

  /** Fails when the preference is put into the body like the caller's own temperature. */
  it('that the model would refuse are left out and named, and refuse nothing', async () => {
    await prefer({ temperature: 0.3 });
    const fixed = await caller.chat({ model: 'gpt-5-mini', messages: MESSAGES });
    expect(fixed.status).toBe(200);
    expect(applied(fixed)).toContain('temperature=dropped;preference;value=0.3');
    const exclusive = await caller.chat({ model: 'gpt-5-mini', messages: MESSAGES, top_p: 0.5 });
    expect(exclusive.status).toBe(200);
    for (const { body } of mock.requests) expect(body['temperature']).toBeUndefined();
    expect(mock.requests[1]?.body).toMatchObject({ top_p: 0.5 });
    const own = await caller.chat({ model: 'gpt-5-mini', messages: MESSAGES, temperature: 0.3 });
    expect(own).toMatchObject({ status: 400, body: { error: { code: 'parameter_constraint_violation' } } });
  });

  /** Fails when only the model's constraints are asked: they need not say what a provider takes together. */
  it.each([
    ['a share of its own', { top_p: 0.9 }],
    ['an effort of its own', { reasoning_effort: 'low', max_tokens: 4_000 }],
  ])('of a temperature stand back where a chat has %s, which the provider takes alone', async (_name, own) => {
    await prefer({ temperature: 0.3 });
    const chat = { model: 'claude-sonnet-4-5', messages: MESSAGES };
    const answer = await caller.chat({ ...chat, ...own });
    expect(answer.status).toBe(200);
    expect(applied(answer)).toContain('temperature=dropped;preference;value=0.3');
    expect((await caller.chat(chat)).status).toBe(200);
    expect(anthropic.calls.map(({ body }) => body['temperature'])).toEqual([undefined, 0.3]);
  });

  it('stream where the chat does not say and its caller takes a stream; the SDKs, which ask for JSON, get JSON', async () => {
    await prefer({ defaultModel: 'sandbox-echo', streaming: true });
    const streamed = await caller.chat({ messages: MESSAGES }, ANYTHING);
    expect(streamed.headers.get('content-type')).toContain('text/event-stream');
    expect(streamed.body['text']).toContain('[DONE]');
    expect(applied(streamed)).toContain('stream=preferred;value=?1');
    const events = await caller.chat({ messages: MESSAGES }, { accept: 'text/event-stream' });
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    const json = await caller.chat({ messages: MESSAGES }, { accept: 'application/json, text/event-stream;q=0' });
    expect(json.body['object']).toBe('chat.completion');
    expect(applied(json)).toContain('stream=dropped;preference;value=?1');
    const openai = new OpenAI({ baseURL: `${caller.url}/v1`, apiKey: caller.token });
    const whole = await openai.chat.completions.create({ messages: MESSAGES } as never);
    expect(whole).toMatchObject({ model: 'sandbox-echo', choices: [{ message: { content: 'Hello' } }] });
  });

  it('absent, a chat without a model is refused as before', async () => {
    const answer = await caller.chat({ messages: MESSAGES });
    expect(answer.status).toBe(400);
    expect((answer.body['error'] as ErrorBody).details['errors']).toEqual([{ field: 'model', message: 'is required' }]);
  });

  it('reach every process at once', async () => {
    const elsewhere = new Caller(caller.userId, caller.token, second);
    const modelOf = async (by: Caller) => (await by.chat({ messages: MESSAGES })).body['model'];
    await prefer({ defaultModel: 'sandbox-echo' });
    expect([await modelOf(caller), await modelOf(elsewhere)]).toEqual(['sandbox-echo', 'sandbox-echo']);
    await prefer({ defaultModel: 'sandbox-free' });
    expect(await modelOf(caller)).toBe('sandbox-free');
    // Before what the other process knows is old, which is after 30 s.
    await until(async () => (await modelOf(elsewhere)) === 'sandbox-free', 20_000);
  });
});
