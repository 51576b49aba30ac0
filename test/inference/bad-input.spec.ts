import { type IncomingMessage, request } from 'node:http';
import { issueToken } from '../support/tokens.js';
import { ChatBench, HELLO, type Caller } from './chat-bench.js';
import { addModel } from './model-copies.js';

const IMAGE = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
/** An assistant's message with a call of each id, and a tool's result. */
const CALLS = (...ids: string[]) => ({
  role: 'assistant',
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } })),
});
const RESULT = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'rain' });
const TOOLS = [{ type: 'function', function: { name: 'look' } }];

describe('bad input', () => {
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await ChatBench.start();
    const connection = bench.server.orm.em.getConnection();
    const copy = (id: string, change: string) =>
      connection.execute(
        `insert into models (id, name, provider, is_archived, is_available, meta, created_at, updated_at)
         select '${id}', name, provider, ${id === 'archived'}, ${id !== 'switched-off'}, ${change}, created_at, updated_at
         from models where id = 'sandbox-echo'`,
      );
    await copy('archived', `meta || '{"legacyReplacementModelId":"sandbox-echo"}'`);
    await copy('switched-off', 'meta');
    await copy('unpriced', `meta - 'creditsPer1kTokens' - 'inputCostPerMillionTokens' - 'outputCostPerMillionTokens'`);
    await copy('short', `meta || '{"contextLength":1000,"maxOutputTokens":500}'`);
    await copy('dear', `meta || '{"requiredTier":"pro_max"}'`);
    await connection.execute(
      `insert into model_versions (model_id, version_no, meta, change_reason, created_at)
       select id, 1, meta, 'test', created_at from models where id in ('archived', 'switched-off', 'unpriced', 'dear', 'short')`,
    );
    const { CatalogueService } = await import('../../src/models/catalogue.service.js');
    await bench.server.app.get(CatalogueService).reload();
    caller = await bench.caller();
  });
  afterAll(() => bench.close());

  it.each([
    ['an unknown model', { model: 'gpt-99' }, 404, 'model_not_found', 'model'],
    ['an archived model', { model: 'archived' }, 410, 'model_archived', 'model'],
    ['a model that is switched off', { model: 'switched-off' }, 404, 'model_unavailable', 'model'],
    ['a model without a price', { model: 'unpriced' }, 404, 'model_not_priced', 'model'],
    ['a model of a higher plan', { model: 'dear' }, 403, 'tier_required', 'model'],
    [
      'an image to a model without vision',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, IMAGE] }] },
      400,
      'capability_not_supported',
      'messages[0].content[1]',
    ],
    [
      'tools to a model without tools',
      { model: 'sandbox-vision', tools: TOOLS },
      400,
      'capability_not_supported',
      'tools',
    ],
    ['a chat to an embedding model', { model: 'sandbox-embedding' }, 400, 'capability_not_supported', 'messages'],
    [
      'an image of another type',
      {
        model: 'sandbox-vision',
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,PHN2Zz4=' } }] },
        ],
      },
      400,
      'invalid_image',
      'messages[0].content[0].image_url.url',
    ],
    ['an unknown field', { colour: 'red' }, 400, 'unknown_parameter', 'colour'],
    ['a field that changes the price', { service_tier: 'priority' }, 400, 'unsupported_parameter', 'service_tier'],
    ['no messages', { messages: [] }, 400, 'invalid_request', 'messages'],
    [
      'more than 10 000 messages',
      { messages: Array.from({ length: 10_001 }, () => HELLO.messages[0]) },
      400,
      'invalid_request',
      'messages',
    ],
    ['an unknown role', { messages: [{ role: 'wizard', content: 'x' }] }, 400, 'invalid_request', 'messages[0].role'],
    [
      'a result of a tool that nobody called',
      { messages: [...HELLO.messages, { role: 'tool', tool_call_id: 'call_1', content: 'rain' }] },
      400,
      'invalid_request',
      'messages[1].tool_call_id',
    ],
    [
      'a second result of the same call',
      { messages: [CALLS('call_1'), RESULT('call_1'), RESULT('call_1')] },
      400,
      'invalid_request',
      'messages[2].tool_call_id',
    ],
    [
      'two calls of one id',
      { messages: [CALLS('call_1', 'call_1'), RESULT('call_1')] },
      400,
      'invalid_request',
      'messages[0].tool_calls[1].id',
    ],
    [
      'more tools than there may be',
      { tools: Array.from({ length: 129 }, (_, index) => ({ type: 'function', function: { name: `t${index}` } })) },
      400,
      'invalid_request',
      'tools',
    ],
    [
      'a tool of a name that is none',
      { tools: [{ type: 'function', function: { name: 'a b' } }] },
      400,
      'invalid_request',
      'tools[0].function.name',
    ],
    [
      'a schema that is none',
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: 'string' } } },
      400,
      'invalid_request',
      'response_format.json_schema.schema',
    ],
    ['a number of choices beyond any', { n: 1e9 }, 400, 'parameter_constraint_violation', 'n'],
    ['a value out of range', { temperature: 3 }, 400, 'parameter_constraint_violation', 'temperature'],
    ['a value of the wrong type', { top_p: 'high' }, 400, 'parameter_constraint_violation', 'top_p'],
    ['too many stop sequences', { stop: ['a', 'b', 'c', 'd', 'e'] }, 400, 'parameter_constraint_violation', 'stop'],
    ['a stop sequence that is a text', { stop: 'x'.repeat(257) }, 400, 'parameter_constraint_violation', 'stop'],
    [
      'more biases than there may be',
      { logit_bias: Object.fromEntries(Array.from({ length: 301 }, (_, token) => [token, 1])) },
      400,
      'parameter_constraint_violation',
      'logit_bias',
    ],
    ['a bias of a text', { logit_bias: { ['x'.repeat(33)]: 1 } }, 400, 'parameter_constraint_violation', 'logit_bias'],
    [
      'an effort that is a text',
      { reasoning_effort: 'x'.repeat(33) },
      400,
      'parameter_constraint_violation',
      'reasoning_effort',
    ],
    ['too many choices', { n: 9 }, 400, 'parameter_constraint_violation', 'n'],
    ['an output limit of nothing', { max_tokens: 0 }, 400, 'parameter_constraint_violation', 'max_tokens'],
    [
      'an output limit beyond the model',
      { max_completion_tokens: 1e15 },
      400,
      'parameter_constraint_violation',
      'max_completion_tokens',
    ],
    [
      'two different output limits',
      { max_tokens: 5, max_completion_tokens: 6 },
      400,
      'parameter_constraint_violation',
      'max_tokens',
    ],
    [
      'a prompt longer than the context',
      { model: 'short', messages: [{ role: 'user', content: 'word '.repeat(2_000) }] },
      400,
      'context_length_exceeded',
      'messages',
    ],
    ['more than the balance', { max_tokens: 16_000, n: 8 }, 402, 'insufficient_credits', null],
  ])('T26 %s is refused and costs nothing', async (_name, change, ...expected) => {
    const [status, code, param] = expected;
    const refusal = await caller.refusedChat({ ...HELLO, ...change });
    expect(refusal).toMatchObject({ status, error: { code, param } });
    expect(refusal.error.message).not.toBe('');
    const streamed = await caller.refusedChat({ ...HELLO, ...change, stream: true });
    expect(streamed).toMatchObject({ status, error: { code, param } });
  });

  it('names every violation at once', async () => {
    const { error } = await caller.refusedChat({ ...HELLO, temperature: 3, top_p: 2, n: 0, presence_penalty: 'much' });
    const violations = error.details['violations'] as { parameter: string; rule: string; suggestion: string }[];
    expect(violations.map(({ parameter, rule }) => [parameter, rule])).toEqual(
      expect.arrayContaining([
        ['temperature', 'range'],
        ['top_p', 'range'],
        ['n', 'range'],
        ['presence_penalty', 'type'],
      ]),
    );
    expect(violations).toHaveLength(4);
    for (const { suggestion } of violations) expect(suggestion).not.toBe('');
  });

  it('tells the largest limit that the balance covers, and that one passes', async () => {
    const poor = await bench.caller();
    const { error } = await poor.refusedChat({ ...HELLO, max_tokens: 16_000, n: 8 });
    const largest = error.details['largestMaxTokens'] as number;
    expect(largest).toBeGreaterThan(1);
    expect((await poor.chat({ ...HELLO, max_tokens: largest + 1, n: 8 })).status).toBe(402);
    expect((await poor.chat({ ...HELLO, max_tokens: largest, n: 8 })).status).toBe(200);
  });

  it.each([
    ['no JSON', '{"model": ', 400, 'invalid_request'],
    ['an empty body', '', 400, 'invalid_request'],
    [
      'text that is no UTF-8',
      Buffer.from('{"model":"sandbox-echo","messages":[{"role":"user","content":"\xff"}]}', 'latin1'),
      400,
      'invalid_request',
    ],
    [
      'a tool’s schema of too many levels',
      JSON.stringify({ ...HELLO, tools: TOOLS }).replace(
        '"look"',
        `"look","parameters":${'{"a":'.repeat(62)}1${'}'.repeat(62)}`,
      ),
      400,
      'invalid_request',
    ],
    ['an array', '[]', 400, 'invalid_request'],
    ['too deep JSON', `{"model":${'['.repeat(65)}${']'.repeat(65)}}`, 400, 'invalid_request'],
    ['a key that reaches into a prototype', '{"__proto__":{"admin":true}}', 400, 'invalid_request'],
  ])('T27 %s is refused and costs nothing', async (_name, body, status, code) => {
    expect(await caller.refusedChat(body)).toMatchObject({ status, error: { code, type: 'invalid_request_error' } });
  });

  it('T26 more values than anybody composes are refused before they are judged', async () => {
    const { status, error } = await caller.refusedChat(`{"model":[${'0,'.repeat(200_000)}0]}`);
    expect({ status, ...error }).toMatchObject({ status: 400, code: 'invalid_request', details: { limit: 200_000 } });
  });

  it('keeps no text of the parameters in the ledger', async () => {
    const wordy = await bench.caller();
    const schema = { type: 'object', description: 'my secret' };
    const response_format = { type: 'json_schema', json_schema: { name: 'answer', schema } };
    expect((await wordy.chat({ ...HELLO, stop: ['my secret'], response_format })).status).toBe(200);
    const [row] = await wordy.ledger();
    expect(JSON.stringify(row)).not.toContain('secret');
    expect(row).toMatchObject({
      metadata: { parameters: { sent: { stop: { items: 1, characters: 9 }, response_format: { name: 'answer' } } } },
    });
  });

  it('10 000 messages are a chat', async () => {
    await addModel(bench.server, { id: 'roomy', like: 'sandbox-free', meta: { contextLength: 10_000_000 } });
    const talkative = await bench.caller();
    const messages = Array.from({ length: 10_000 }, () => HELLO.messages[0]);
    expect((await talkative.chat({ model: 'roomy', messages })).status).toBe(200);
  });

  it('T26 a body without an end is read to its limit and no further', async () => {
    const client = request(`${bench.server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
    });
    let status: number | undefined;
    let hasEnded = false;
    // The server closes what it does not read on; the reset may overtake its answer on the way.
    const ended = new Promise<void>((resolve) => {
      const end = () => {
        hasEnded = true;
        resolve();
      };
      client.on('response', (response: IncomingMessage) => {
        status = response.statusCode;
        end();
      });
      client.on('error', end);
    });
    let mebibytes = 0;
    for (; !hasEnded && mebibytes < 64; mebibytes += 1) {
      if (!client.write(' '.repeat(1024 * 1024))) {
        await Promise.race([new Promise((resolve) => client.once('drain', resolve)), ended]);
      }
    }
    await ended;
    client.destroy();
    expect([413, undefined]).toContain(status);
    expect(mebibytes).toBeLessThan(40);
    await caller.expectUntouched();
  });

  it('a body of another type is refused', async () => {
    const refusal = await caller.refusedChat('model=sandbox-echo', { 'content-type': 'text/csv' });
    expect(refusal).toMatchObject({ status: 415, error: { code: 'unsupported_media_type' } });
  });

  it('T26 a body beyond 20 MiB is refused', async () => {
    const body = JSON.stringify({ ...HELLO, user: 'x'.repeat(20 * 1024 * 1024) });
    const refusal = await caller.refusedChat(body);
    expect(refusal).toMatchObject({ status: 413, error: { code: 'body_too_large' } });
  });

  it.each([
    ['no token', {}],
    ['a token that is none', { authorization: 'Bearer nonsense' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
  ])('%s is refused in the envelope of the route', async (_name, headers) => {
    const response = await fetch(`${bench.server.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(HELLO),
      headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error', code: 'invalid_token' } });
  });

  it('a token without the scope is refused in the envelope of the route', async () => {
    const token = await issueToken(bench.server.app, { email: 'reader@example.com', scopes: ['models.read'] });
    const response = await fetch(`${bench.server.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(HELLO),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { type: 'permission_error', code: 'insufficient_scope' } });
  });

  it('a request beyond the rate limit is refused, and told when to come back', async () => {
    const eager = await bench.caller();
    const statuses: number[] = [];
    let last = await eager.chat(HELLO);
    while (last.status === 200 && statuses.length < 40) {
      statuses.push(last.status);
      last = await eager.chat(HELLO);
    }
    expect(last.status).toBe(429);
    expect(last.body['error']).toMatchObject({ type: 'rate_limit_error', code: 'rate_limited' });
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await eager.ledger()).toHaveLength(statuses.length);
    expect(await eager.openHolds()).toBe(0);
  });

  it('drops by name what the caller wants dropped', async () => {
    const generous = await bench.caller();
    const answer = await generous.chat(
      { ...HELLO, colour: 'red', store: true },
      { 'x-unsupported-parameters': 'drop' },
    );
    expect(answer.status).toBe(200);
    const applied = answer.headers.get('x-parameters-applied') ?? '';
    expect(applied).toContain('colour=dropped');
    expect(applied).toContain('store=dropped');
    expect(applied).toContain('=defaulted;value=4096');
  });
});
