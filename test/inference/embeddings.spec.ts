import { MeteringService } from '../../src/usage/metering.service.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { addModel } from './model-copies.js';

const INPUT = ['The first text', 'And the second one'];

describe('embeddings', () => {
  let openai: OpenAiMock;
  let ollama: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    [openai, ollama] = await Promise.all([new OpenAiMock().start(), new OpenAiMock().start()]);
    bench = await ChatBench.start({
      env: {
        OPENAI_BASE_URL: openai.baseUrl,
        OPENAI_API_KEY: 'sk-openai',
        OLLAMA_BASE_URL: ollama.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant',
        PROVIDER_TIMEOUT_MS: '600',
      },
    });
    const like = 'sandbox-embedding';
    await addModel(bench.server, { id: 'text-embedding', like, provider: 'openai' });
    await addModel(bench.server, { id: 'local-embedding', like, provider: 'ollama' });
    await addModel(bench.server, { id: 'no-embedding', like, provider: 'anthropic' });
    await addModel(bench.server, { id: 'dear-embedding', like, meta: { requiredTier: 'pro_max' } });
    await addModel(bench.server, { id: 'short-embedding', like, meta: { contextLength: 8 } });
  });
  beforeEach(async () => {
    for (const mock of [openai, ollama]) {
      mock.behave({});
      mock.requests.length = 0;
    }
    caller = await bench.caller();
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await Promise.all([openai.close(), ollama.close()]);
  });

  const embed = (body: object) => caller.post('/v1/embeddings', { model: 'text-embedding', input: 'Hello', ...body });
  const refused = async (body: object) => {
    const { status, body: answer } = await embed(body);
    await caller.expectUntouched();
    return { status, error: (answer as { error: { code: string; message: string; param: string } }).error };
  };

  it('are listed as not available where the provider makes none', async () => {
    const reads = await Promise.all(['no-embedding', 'text-embedding'].map((id) => caller.get(`/v1/models/${id}`)));
    expect(reads.map(({ body }) => [body['available'], body['usable'], body['unusableCode']])).toEqual([
      [false, false, 'model_unavailable'],
      [true, true, null],
    ]);
  });

  // Planted: the order of the answer taken for that of the inputs.
  it('are made by the official client, each at the place of its text, and charged as the provider counted', async () => {
    const { data, response } = await caller.openai.embeddings
      .create({ model: 'text-embedding', input: INPUT })
      .withResponse();
    expect(data.model).toBe('text-embedding');
    expect(data.data.map((item) => [item.index, item.embedding])).toEqual([
      [0, [INPUT[0]!.length, 0.5]],
      [1, [INPUT[1]!.length, 1.5]],
    ]);
    expect(openai.requests[0]).toMatchObject({
      path: '/v1/embeddings',
      headers: { authorization: 'Bearer sk-openai' },
      body: { model: 'text-embedding', input: INPUT },
    });
    expect(ollama.requests).toEqual([]);
    const [row] = await caller.ledger();
    expect(row).toMatchObject({
      operation: 'embedding',
      provider: 'openai',
      usage_source: 'provider',
      input_tokens: data.usage.prompt_tokens,
      output_tokens: 0,
    });
    expect(response.headers.get('x-credits-charged')).toBe((data.usage.prompt_tokens / 1_000).toFixed(6));
    const receipt = await caller.get(`/v1/usage/${response.headers.get('x-request-id')}`);
    expect(receipt.body).toMatchObject({ operation: 'embedding', model: 'text-embedding' });
  });

  it('go to the upstream that the model names', async () => {
    await caller.openai.embeddings.create({ model: 'local-embedding', input: INPUT });
    expect(ollama.requests).toMatchObject([{ path: '/v1/embeddings' }]);
    expect(ollama.requests[0]!.headers).not.toHaveProperty('authorization');
    expect(openai.requests).toEqual([]);
    expect(await caller.ledger()).toMatchObject([{ provider: 'ollama' }]);
  });

  it.each([
    ['numbers from an upstream that knows no other encoding', true, 'float', [5, 0.5]],
    ['numbers', false, 'float', [5, 0.5]],
    ['base64 from an upstream that knows only numbers', true, 'base64', 'AACgQAAAAD8='],
    ['base64', false, 'base64', 'AACgQAAAAD8='],
  ])('come as asked for: %s', async (_name, floatsOnly, encoding_format, expected) => {
    openai.behave({ floatsOnly });
    const { body } = await embed({ encoding_format });
    expect(body).toMatchObject({ data: [{ embedding: expected }] });
  });

  it('are made by the sandbox where there is no account, the same for the same text, in any number of dimensions', async () => {
    const ask = { model: 'sandbox-embedding', input: ['a', 'a', 'b'], dimensions: 64 };
    const { data, response } = await caller.openai.embeddings.create(ask).withResponse();
    expect(response.headers.get('x-sandbox')).toBe('1');
    const [first, second, third] = data.data.map((item) => item.embedding);
    expect(first).toHaveLength(64);
    expect(first).toEqual(second);
    expect(first).not.toEqual(third);
    expect(Math.hypot(...first!)).toBeCloseTo(1, 5);
    expect(await caller.ledger()).toMatchObject([{ provider: 'sandbox', input_tokens: 3 }]);
  });

  it('take tokens in place of text', async () => {
    const answer = await embed({ model: 'sandbox-embedding', input: [[1, 2, 3], [4]] });
    expect(answer.body).toMatchObject({ usage: { prompt_tokens: 4 }, data: [{ index: 0 }, { index: 1 }] });
  });

  it('are charged an estimate, marked as such, where the provider reports no usage', async () => {
    openai.behave({ usage: null });
    expect((await embed({ input: INPUT })).status).toBe(200);
    const [row] = await caller.ledger();
    expect(row).toMatchObject({ usage_source: 'estimated', operation: 'embedding' });
    expect(row!.input_tokens).toBeGreaterThan(0);
  });

  it('are charged once for a key, and the repeat gets the same vectors', async () => {
    const ask = { model: 'text-embedding', input: INPUT };
    const first = await caller.post('/v1/embeddings', ask, { 'idempotency-key': 'one' });
    const second = await caller.post('/v1/embeddings', ask, { 'idempotency-key': 'one' });
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
    expect(openai.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
  });

  // Planted: the header not read; the names left out of the head, of its replay, and of the receipt.
  it('leave out by name what the caller wants dropped, for a repeat with its key as well', async () => {
    const ask = { model: 'text-embedding', input: 'Hello', truncate: 'END', store: true };
    const headers = { 'x-unsupported-parameters': 'drop', 'idempotency-key': 'dropping' };
    const answers = [
      await caller.post('/v1/embeddings', ask, headers),
      await caller.post('/v1/embeddings', ask, headers),
    ];
    for (const { status, headers: head } of answers) {
      expect([status, head.get('x-parameters-applied')]).toEqual([200, 'truncate=dropped, store=dropped']);
    }
    expect(openai.requests.map(({ body }) => body)).toEqual([{ model: 'text-embedding', input: 'Hello' }]);
    const receipt = await caller.get(`/v1/usage/${answers[0]!.headers.get('x-request-id')}`);
    const applied = ['truncate', 'store'].map((parameter) => ({ parameter, action: 'dropped' }));
    expect(receipt.body).toMatchObject({ parameters: { applied } });
  });

  // Removed once: `giveBack`; the credits stayed held until their time was over.
  it('hold nothing where the connection broke before anyone knew whether anything was held', async () => {
    const metering = bench.server.app.get(MeteringService);
    const reserve = metering.reserve.bind(metering);
    metering.reserve = async (request) => {
      await reserve(request);
      throw new Error('Connection terminated unexpectedly');
    };
    const answer = await embed({}).finally(() => (metering.reserve = reserve));
    expect(answer.status).toBeGreaterThanOrEqual(500);
    const holds = () => caller.query<{ state: string }>('select state from credit_holds where user_id = ?');
    await until(async () => (await holds()).every(({ state }) => state !== 'pending'));
    expect(await holds()).toEqual([{ state: 'voided' }]);
    expect(await caller.openHolds()).toBe(0);
    expect(openai.requests).toEqual([]);
  });

  it.each([
    ['an unknown model', { model: 'gpt-99' }, 404, 'model_not_found'],
    ['a model that chats', { model: 'sandbox-echo' }, 400, 'capability_not_supported'],
    ['a provider that makes none', { model: 'no-embedding' }, 404, 'model_unavailable'],
    ['a model of a higher plan', { model: 'dear-embedding' }, 403, 'tier_required'],
    ['nothing', { input: '' }, 400, 'invalid_request'],
    ['an empty list', { input: [] }, 400, 'invalid_request'],
    ['texts and tokens together', { input: ['a', 1] }, 400, 'invalid_request'],
    ['too many texts', { input: Array.from({ length: 2_049 }, () => 'a') }, 400, 'invalid_request'],
    [
      'more components than can be answered',
      { input: Array.from({ length: 1_024 }, () => 'a'), dimensions: 16_384 },
      400,
      'invalid_request',
    ],
    ['an unknown encoding', { encoding_format: 'int8' }, 400, 'invalid_request'],
    ['an unknown field', { store: true }, 400, 'unknown_parameter'],
    [
      'a text beyond the context',
      { model: 'short-embedding', input: 'one two three '.repeat(5) },
      400,
      'context_length_exceeded',
    ],
    [
      'more credits than there are',
      { input: Array.from({ length: 200 }, () => 'Many words here. '.repeat(200)) },
      402,
      'insufficient_credits',
    ],
    ['a body beyond 2 MiB', { input: 'a'.repeat(2 * 1_024 * 1_024) }, 413, 'body_too_large'],
  ])('are refused, at no cost and before anyone is asked, for %s', async (_name, change, status, code) => {
    expect(await refused(change)).toMatchObject({ status, error: { code } });
    expect(openai.requests).toEqual([]);
  });

  it.each([
    ['a refused request', { status: 400 }, 400, 'provider_rejected'],
    ['a server error', { status: 500 }, 502, 'provider_error'],
    ['no JSON', { rawBody: '<html>' }, 502, 'provider_error'],
    ['fewer vectors than texts', { rawBody: '{"data":[]}' }, 502, 'provider_error'],
    ['no vectors', { rawBody: '{"data":[{"index":0,"embedding":[null]}]}' }, 502, 'provider_error'],
    ['silence', { delayMs: 1_500 }, 504, 'provider_timeout'],
  ])('cost nothing and leave no hold after %s', async (_name, behaviour, status, code) => {
    openai.behave(behaviour);
    expect(await refused({})).toMatchObject({ status, error: { code } });
  });
});
