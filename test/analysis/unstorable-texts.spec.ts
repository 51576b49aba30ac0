import type { Caller } from '../inference/chat-bench.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

describe('what the database cannot store', () => {
  let bench: AnalysisBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await AnalysisBench.start();
  });
  beforeEach(async () => {
    bench.provider.requests.length = 0;
    caller = await bench.chat.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(() => bench.close());

  // Removed once: what makes an answer storable; the model was asked again and again, and the analysis never ended.
  it.each([
    ['NUL', '\\u0000'],
    ['half of a surrogate pair', '\\ud83d'],
  ])('is replaced where a model says it: %s', async (_, escape) => {
    bench.answer(JSON.stringify(SENTIMENT).replace('work', `wo${escape}rk`));
    const { body } = await bench.analyse(caller);
    expect(body).toMatchObject({ status: 'completed', result: { themes: ['wo\ufffdrk'] }, attempts: 1 });
    expect(bench.provider.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
  });

  it.each([
    ['NUL', 'not so\\u0000'],
    ['half of a surrogate pair', `${'a'.repeat(499)}\\ud83d\\ude00`],
  ])('does not keep the refusal of a provider from being told: %s', async (_, message) => {
    bench.provider.behave({
      status: 400,
      rawBody: `{"error":{"message":"${message}","type":"invalid_request_error"}}`,
    });
    const { body } = await bench.analyse(caller);
    expect(body).toMatchObject({ status: 'failed', error: { code: 'provider_rejected' }, attempts: 1 });
    await bench.expectFree(caller);
  });

  it('is refused in a request, with its field', async () => {
    for (const [field, what] of [
      ['subject', 'half of a surrogate pair'],
      ['text', 'half of a surrogate pair'],
    ] as const) {
      const { status, body } = await caller.post('/v1/analyses', { ...REQUEST, [field]: 'good \ud83d day' });
      expect([status, body['errors']]).toEqual([400, [{ field, message: `must not hold ${what}` }]]);
    }
    await caller.expectUntouched();
  });
});
