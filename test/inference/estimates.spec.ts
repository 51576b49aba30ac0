import { addModel } from './model-copies.js';
import { ChatBench, HELLO, type Caller } from './chat-bench.js';

describe('POST /v1/estimates', () => {
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await ChatBench.start();
    // Counted in no time, so that there is no doubt.
    await addModel(bench.server, {
      id: 'tiny',
      like: 'sandbox-echo',
      meta: { contextLength: 1_000, maxOutputTokens: 500 },
    });
    caller = await bench.caller();
  });
  afterAll(() => bench.close());
  afterEach(() => caller.expectUntouched());

  const estimate = (body: unknown) => caller.post('/v1/estimates', body);

  it('answers the most that a chat can cost, and keeps nothing', async () => {
    const { status, body } = await estimate({ ...HELLO, max_tokens: 100, n: 2 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'estimate',
      model: 'sandbox-echo',
      wouldPass: true,
      refusals: [],
      creditsMax: '0.221000',
      tokens: { input: 21, output: 200, choices: 2, imageCount: 0 },
      rates: { input: '0.001000', output: '0.001000' },
      parameters: { sent: { max_tokens: 100, n: 2 } },
    });
  });

  it('is never below what the chat is then charged', async () => {
    const payer = await bench.caller();
    const chat = { ...HELLO, model: 'sandbox-exact', max_tokens: 50 };
    const { body } = await payer.post('/v1/estimates', chat);
    const answer = await payer.chat(chat);
    expect(answer.headers.get('x-credits-charged')).toBe(body['creditsMax']);
  });

  it.each([
    ['a balance too small', { max_tokens: 16_000, n: 8 }, 'insufficient_credits', 402],
    ['a parameter out of range', { temperature: 9 }, 'parameter_constraint_violation', 400],
    ['a model of a higher plan', { model: 'gpt-5' }, 'tier_required', 403],
    [
      'a prompt beyond the context',
      { model: 'tiny', messages: [{ role: 'user', content: 'word '.repeat(2_000) }] },
      'context_length_exceeded',
      400,
    ],
  ])('says that %s would be refused, and how', async (_name, change, code, status) => {
    const answer = await estimate({ ...HELLO, ...change });
    expect(answer.status).toBe(200);
    expect(answer.body['wouldPass']).toBe(false);
    expect(answer.body['refusals']).toMatchObject([{ code, status }]);
  });

  /** Fails when the rates are always those of a short prompt: then they do not make up what it costs at most. */
  it.each([
    ['short', 1_000, '0.002000', '0.002000'],
    ['long', 250_000, '0.004000', '0.003000'],
  ])('tells the rates of a %s prompt', async (_name, length, input, output) => {
    const payer = await bench.caller('pro_max');
    const messages = [{ role: 'user', content: 'a '.repeat(length / 2) }];
    const { body } = await payer.post('/v1/estimates', { model: 'gemini-2.5-pro', messages, max_tokens: 100 });
    expect(body).toMatchObject({ wouldPass: true, rates: { input, output } });
    const tokens = body['tokens'] as { input: number; output: number };
    expect(Number(body['creditsMax'])).toBeCloseTo(tokens.input * Number(input) + tokens.output * Number(output), 6);
  });

  it('refuses what is no chat, and a model that does not exist', async () => {
    expect(await estimate({ model: 'sandbox-echo' })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    });
    expect(await estimate({ ...HELLO, model: 'gpt-99' })).toMatchObject({
      status: 404,
      body: { error: { code: 'model_not_found' } },
    });
  });
});
