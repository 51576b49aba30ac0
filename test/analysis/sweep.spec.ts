import { AnalysisProgress } from '../../src/analysis/analysis-progress.service.js';
import { AnalysisAsker } from '../../src/analysis/attempts/analysis-asker.service.js';
import { AnalysisRenewals } from '../../src/analysis/holds/analysis-renewals.service.js';
import { UpgradeEndings } from '../../src/analysis/upgrades/upgrade-endings.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import type { Caller } from '../inference/chat-bench.js';
import { type EventReader, followEvents } from '../support/event-reader.js';
import { until } from '../support/until.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

/** Longer than the sweep leaves alone what may be under way. */
const UNTOUCHED_MS = 31 * 60_000;

describe('an upgrade that the queue has lost', () => {
  let bench: AnalysisBench;
  let caller: Caller;
  let id: string;
  let reader: EventReader;
  beforeAll(async () => {
    bench = await AnalysisBench.start();
  });
  beforeEach(async () => {
    bench.provider.behave({ status: 500 });
    caller = await bench.chat.caller('pro');
    id = String((await caller.post('/v1/analyses', REQUEST)).body['id']);
    reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await until(() => reader.events.some(({ event }) => event === 'retried'));
    await caller.query('update ai_analyses set deadline_at = now() where user_id = ?');
    await until(() => reader.events.some(({ event }) => event === 'fallback'));
    await bench.chat.server.orm.em.fork().execute(`delete from pgboss.job where data->>'id' = ?`, [id]);
    bench.provider.requests.length = 0;
    bench.answer(SENTIMENT);
  });
  afterEach(() => bench.expectBalanced());
  afterAll(() => bench.close());

  const sweep = () =>
    bench.chat.server.app.get(JobRegistry).runNow('sweep-analyses', new Date(Date.now() + UNTOUCHED_MS));

  async function expectUpgraded(): Promise<void> {
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ event: 'finished', data: { isUpgraded: true } });
    expect((await caller.get(`/v1/analyses/${id}`)).body).toMatchObject({ result: SENTIMENT, isUpgraded: true });
    expect(bench.provider.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
    expect(await caller.openHolds()).toBe(0);
  }

  // Removed once: the look for recoveries that run. Nobody asked a model any more, and who followed the analysis waited on.
  it('is tried by another worker', async () => {
    expect(await sweep()).toMatchObject({ sent: 1, failed: 0 });
    // What is queued again is left alone.
    expect(await sweep()).toMatchObject({ sent: 0, failed: 0 });
    await expectUpgraded();
  });

  // Removed once: the look for an upgrade before its hold is given back. The answer could not be charged any more, and the upgrade never ended.
  it('is charged once where its worker died between the answer and its charge', async () => {
    const { app } = bench.chat.server;
    const endings = app.get(UpgradeEndings);
    const found = async () => (await endings.find(id))!;
    const held = await app.get(AnalysisRenewals).hold(await found(), { isWaiting: false });
    const begun = (await endings.begun(await found(), held))!;
    expect(await app.get(AnalysisProgress).keep(begun, await app.get(AnalysisAsker).ask(held))).toBe(true);
    expect(await sweep()).toMatchObject({ sent: 1, released: 0, failed: 0 });
    await expectUpgraded();
  });
});
