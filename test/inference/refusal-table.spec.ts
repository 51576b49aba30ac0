import { CatalogueService } from '../../src/models/catalogue.service.js';
import { CircuitBreakers } from '../../src/inference/resilience/circuit-breakers.service.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { issueToken } from '../support/tokens.js';
import { Caller, ChatBench, type ErrorBody, HELLO } from './chat-bench.js';
import { addModel } from './model-copies.js';

interface Refusal {
  /** Changes the chat. */
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
  /** Brings the caller into the situation; `?` is the user's id. */
  sql?: string;
  expected: [status: number, type: string, code: string];
  /** Members of `details` that a program reads. */
  details?: string[];
  /** What a person is told to do. */
  wayOut: RegExp;
}

const IMAGE = { type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,PHN2Zz4=' } };

/** Every refusal of the metered path. Each names the rule, the figures, and the way out. */
const REFUSALS: Record<string, Refusal> = {
  'a suspended user': {
    sql: `update users set status = 'suspended' where id = ?`,
    expected: [403, 'permission_error', 'account_suspended'],
    wayOut: /Ask the operator/,
  },
  'a suspended subscription': {
    sql: 'update credit_accounts set suspended_at = now() where user_id = ?',
    expected: [403, 'permission_error', 'subscription_inactive'],
    details: ['status', 'action'],
    wayOut: /Ask the operator/,
  },
  'a revoked device': {
    sql: 'update auth_grants set revoked_at = now() where user_id = ?',
    expected: [401, 'authentication_error', 'invalid_token'],
    wayOut: /Sign in again/,
  },
  'a plan too low': {
    body: { model: 'dear' },
    expected: [403, 'permission_error', 'tier_required'],
    details: ['model', 'currentTier', 'requiredTier'],
    wayOut: /Change plans/,
  },
  'an unknown model': {
    body: { model: 'gpt-99' },
    expected: [404, 'invalid_request_error', 'model_not_found'],
    wayOut: /GET \/v1\/models/,
  },
  'an archived model': {
    body: { model: 'archived' },
    expected: [410, 'invalid_request_error', 'model_archived'],
    details: ['model', 'replacement'],
    wayOut: /Use 'sandbox-echo' instead/,
  },
  'a model that is switched off': {
    body: { model: 'switched-off' },
    expected: [404, 'invalid_request_error', 'model_unavailable'],
    details: ['model', 'replacement'],
    wayOut: /GET \/v1\/models/,
  },
  'a capability that is missing': {
    body: { messages: [{ role: 'user', content: [IMAGE] }] },
    expected: [400, 'invalid_request_error', 'capability_not_supported'],
    details: ['model', 'capability'],
    wayOut: /GET \/v1\/models\?capability=vision/,
  },
  'an image of another type': {
    body: { model: 'sandbox-vision', messages: [{ role: 'user', content: [IMAGE] }] },
    expected: [400, 'invalid_request_error', 'invalid_image'],
    details: ['images', 'limits'],
    wayOut: /See limits/,
  },
  'parameters that the model does not take': {
    body: { temperature: 3, top_p: 7 },
    expected: [400, 'invalid_request_error', 'parameter_constraint_violation'],
    details: ['model', 'violations'],
    wayOut: /temperature: .* top_p: /,
  },
  'an unknown field': {
    body: { colour: 'red' },
    expected: [400, 'invalid_request_error', 'unknown_parameter'],
    details: ['parameters'],
    wayOut: /X-Unsupported-Parameters: drop/,
  },
  'a field that changes the price': {
    body: { service_tier: 'priority' },
    expected: [400, 'invalid_request_error', 'unsupported_parameter'],
    details: ['parameters'],
    wayOut: /Leave it out/,
  },
  'a prompt longer than the context': {
    body: { model: 'short', messages: [{ role: 'user', content: 'word '.repeat(2_000) }] },
    expected: [400, 'invalid_request_error', 'context_length_exceeded'],
    details: ['model', 'limit', 'tokens'],
    wayOut: /Shorten the messages/,
  },
  'too few credits': {
    body: { max_tokens: 16_000, n: 8 },
    expected: [402, 'insufficient_quota', 'insufficient_credits'],
    details: ['needed', 'available', 'held', 'nextGrantAt', 'largestMaxTokens'],
    wayOut: /A max_tokens of \d+ would pass/,
  },
  'an open debt': {
    sql: 'update credit_accounts set debt_ucr = 1500000 where user_id = ?',
    expected: [402, 'insufficient_quota', 'debt_outstanding'],
    details: ['debt', 'nextGrantAt'],
    wayOut: /until then only free models answer/,
  },
  'a limit that is reached': {
    sql: 'update credit_accounts set pending_count = 2 where user_id = ?',
    expected: [429, 'rate_limit_error', 'rate_limited'],
    details: ['limitName', 'limit', 'used', 'remaining', 'needed', 'resetAt', 'retryAfterSeconds'],
    wayOut: /Try again in 1 s/,
  },
  'a malformed key': {
    headers: { 'idempotency-key': 'x'.repeat(256) },
    expected: [400, 'invalid_request_error', 'idempotency_key_invalid'],
    wayOut: /1 to 255 printable ASCII characters/,
  },
  'a request that the provider refuses': {
    body: { model: 'failing-400' },
    expected: [400, 'invalid_request_error', 'provider_rejected'],
    wayOut: /mock status 400.*Nothing was charged/,
  },
  'a provider that fails': {
    body: { model: 'failing-500' },
    expected: [502, 'server_error', 'provider_error'],
    wayOut: /status 500.*Request [0-9a-f-]{36}/,
  },
  'a provider that is too slow': {
    body: { model: 'sandbox-timeout' },
    expected: [504, 'server_error', 'provider_timeout'],
    details: ['limitMs'],
    wayOut: /within 300 ms.*Request [0-9a-f-]{36}/,
  },
  'a provider that is down': {
    body: { model: 'down' },
    expected: [503, 'server_error', 'provider_unavailable'],
    details: ['retryAfterSeconds'],
    wayOut: /Try again in \d+ s, or use another model/,
  },
};

describe('the table of refusals', () => {
  let bench: ChatBench;
  let mock: OpenAiMock;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { FAILING_BASE_URL: mock.baseUrl, PROVIDER_TIMEOUT_MS: '300' } });
    const like = 'sandbox-echo';
    await addModel(bench.server, { id: 'dear', like, meta: { requiredTier: 'pro_max' } });
    await addModel(bench.server, { id: 'short', like, meta: { contextLength: 1_000, maxOutputTokens: 500 } });
    await addModel(bench.server, { id: 'archived', like, meta: { legacyReplacementModelId: like } });
    for (const id of ['switched-off', 'failing-400', 'failing-500', 'down']) {
      await addModel(bench.server, { id, like, ...(id !== 'switched-off' && { provider: 'failing' }) });
    }
    const connection = bench.server.orm.em.getConnection();
    await connection.execute(`update models set is_archived = true where id = 'archived'`);
    await connection.execute(`update models set is_available = false where id = 'switched-off'`);
    await bench.server.app.get(CatalogueService).reload();
    bench.server.app.get(CircuitBreakers).of('failing', 'down').hold();
  });
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  it.each(Object.entries(REFUSALS))('%s', async (_name, { body, headers, sql, expected, details = [], wayOut }) => {
    const caller = await bench.caller();
    if (sql) await bench.server.orm.em.getConnection().execute(sql, [caller.userId]);
    mock.behave({ status: body?.['model'] === 'failing-400' ? 400 : 500 });
    const answer = await caller.chat({ ...HELLO, ...body }, headers);
    const error = answer.body['error'] as ErrorBody;
    expect([answer.status, error.type, error.code]).toEqual(expected);
    expect(Object.keys(error.details)).toEqual(expect.arrayContaining([...details, 'request_id']));
    expect(error.message).toMatch(wayOut);
    expect(await caller.ledger()).toEqual([]);
    // What a retry may mend says when; what it cannot is no status that OpenAI's clients try again.
    if (answer.status === 429 || answer.status === 503) {
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    if (answer.status === 504) expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  it('a token without the scope is told which one', async () => {
    const token = await issueToken(bench.server.app, { email: 'reader@example.com', scopes: ['models.read'] });
    const answer = await new Caller('', token, bench.server).chat(HELLO);
    expect(answer.status).toBe(403);
    expect(answer.body['error']).toMatchObject({ type: 'permission_error', code: 'insufficient_scope' });
    expect((answer.body['error'] as ErrorBody).message).toContain('llm.inference');
  });
});
