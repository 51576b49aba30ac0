import { setTimeout as sleep } from 'node:timers/promises';
import { type ServerProcess, startWorkerProcess } from '../support/server-process.js';
import { createTestDatabase } from '../support/test-server.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { followEvents } from '../support/event-reader.js';
import { until } from '../support/until.js';
import { seeded } from './chaos-provider.js';
import { Fleet } from './fleet.js';

const SEED = Number(process.env['CHAOS_SEED'] ?? 20_261_130);
const ANALYSES = 500;
const USERS = 10;
/** The last of the users queues as many as all others together. */
const HEAVY_SHARE = 0.5;
const KILLS = 2;
const SENTIMENT = { sentiment: 'positive', score: 0.5, themes: [] };
const LABEL = { label: 'other', reason: 'It is about a day.' };

/** Half of them is asked for in batches, as many at once as there are texts in the message. */
function answer(body: Record<string, unknown>): string {
  const [, message] = body['messages'] as { content: string }[];
  if (!message!.content.startsWith('[')) return JSON.stringify(isLabelled(body) ? LABEL : SENTIMENT);
  return JSON.stringify({ results: (JSON.parse(message!.content) as string[]).map(() => LABEL) });
}
const isLabelled = (body: Record<string, unknown>): boolean => JSON.stringify(body['tools']).includes('"label"');

interface Row {
  id: string;
  user_id: string;
  status: string;
  priority: number;
  queue_wait_ms: number;
  credits_ucr: string;
  fallback_used: boolean;
  upgraded_from_fallback: boolean;
  is_hold_open: boolean;
}

/** Two servers that only serve, and two workers that are killed at random, before a provider that is down for a while. */
describe('five hundred analyses', () => {
  const random = seeded(SEED);
  const provider = new OpenAiMock(false);
  const workers: ServerProcess[] = [];
  let fleet: Fleet;
  let users: { id: string; token: string }[];

  beforeAll(async () => {
    await provider.start();
    provider.behave({ content: answer, delayMs: 40 });
    fleet = await Fleet.start(await createTestDatabase(), {
      JOBS: 'off',
      OPENAI_BASE_URL: provider.baseUrl,
      OPENAI_API_KEY: 'sk-mock',
    });
    await fleet.query(`update analysis_kinds set batch_size = 8 where kind = 'classification'`);
    users = [];
    for (let count = 0; count < USERS; count += 1) users.push(await fleet.user(1_000_000_000n));
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await fleet.end();
    await provider.close();
  });

  const startWorker = async (): Promise<void> =>
    void workers.push(await startWorkerProcess({ ...fleet.env, JOBS: 'on' }));

  async function submit(number: number): Promise<string> {
    const isHeavy = random() < HEAVY_SHARE;
    const user = users[isHeavy ? USERS - 1 : number % (USERS - 1)]!;
    const response = await fetch(`${fleet.servers[number % 2]!.url}/v1/analyses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        subject: `entry-${number}`,
        kind: number % 2 ? 'sentiment' : 'classification',
        text: `A good day, number ${number}.`,
        priority: number % 10 === 0 ? 9 : 0,
      }),
    });
    if (response.status !== 202) throw new Error(await response.text());
    return ((await response.json()) as { id: string }).id;
  }

  /** Follows one analysis and loses the connection again and again. */
  async function followTorn(id: string): Promise<string[]> {
    const [row] = await fleet.query<{ user_id: string }>('select user_id from ai_analyses where id = $1', [id]);
    const { token } = users.find((user) => user.id === row!.user_id)!;
    const seen: string[] = [];
    for (let round = 0; ; round += 1) {
      const reader = followEvents(`${fleet.servers[round % 2]!.url}/v1/analyses/${id}/events`, {
        token,
        lastId: seen.at(-1)?.split(' ')[0] ?? '',
      });
      await Promise.race([reader.ended, sleep(700)]);
      reader.close();
      seen.push(...reader.events.map((event) => `${event.id} ${event.event}`));
      if (reader.status() === 204) return seen;
    }
  }

  it('end exactly once and are charged exactly once, whoever dies meanwhile', async () => {
    const ids: string[] = [];
    for (let number = 0; number < ANALYSES; number += 20) {
      ids.push(...(await Promise.all(Array.from({ length: 20 }, (_, index) => submit(number + index)))));
    }
    const followed = ids[ANALYSES - 1]!;
    const following = followTorn(followed);
    await Promise.all([startWorker(), startWorker()]);
    const ended = async (): Promise<number> =>
      Number(
        (
          await fleet.query<{ count: string }>(
            `select count(*) from ai_analyses where status not in ('queued', 'processing')`,
          )
        )[0]!.count,
      );
    for (let kill = 0; kill < KILLS; kill += 1) {
      const from = await ended();
      // The last may have ended while the machine was busy with the worker that was started.
      const enough = Math.min(from + 20, ANALYSES - 1);
      await until(async () => (await ended()) > enough, 150_000);
      provider.behave({ status: 503 });
      await workers.splice(Math.floor(random() * workers.length), 1)[0]!.kill();
      await sleep(1_500);
      provider.behave({ content: answer, delayMs: 40 });
      await startWorker();
    }
    await until(async () => (await ended()) === ANALYSES, 180_000);
    await until(
      async () =>
        (await fleet.query(`select id from ai_analyses where fallback_used and not upgraded_from_fallback`)).length ===
        0,
      120_000,
    );

    const rows = await fleet.query<Row>('select * from ai_analyses');
    expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect(rows.filter(({ is_hold_open }) => is_hold_open)).toEqual([]);
    const charged = await fleet.query<{ hold_id: string; count: string; credits: string }>(
      `select u.request_id as hold_id, count(*) as count, sum(u.credits_ucr) as credits from token_usage_ledger u group by 1`,
    );
    expect(charged.filter(({ count }) => count !== '1')).toEqual([]);
    expect(charged).toHaveLength(ANALYSES);
    const spent = (amounts: { toString(): string }[]): bigint =>
      amounts.reduce<bigint>((sum, amount) => sum + BigInt(amount.toString()), 0n);
    expect(spent(rows.map((row) => row.credits_ucr))).toBe(spent(charged.map(({ credits }) => credits)));
    expect(await fleet.query(`select id from credit_holds where state = 'pending'`)).toEqual([]);
    expect(await fleet.brokenInvariants()).toEqual([]);

    const batches = await fleet.query<{ users: string; members: string }>(
      `select count(distinct user_id) as users, count(*) as members from token_usage_ledger
       where metadata ? 'batch' group by metadata->'batch'->>'of'`,
    );
    expect(batches.some(({ members }) => Number(members) > 1)).toBe(true);
    expect(batches.filter(({ users: owners }) => owners !== '1')).toEqual([]);

    const waits = (isWanted: (row: Row) => boolean): number => {
      const sorted = rows
        .filter(isWanted)
        .map((row) => row.queue_wait_ms)
        .sort((one, other) => one - other);
      return sorted[Math.floor(sorted.length / 2)]!;
    };
    const heavy = users[USERS - 1]!.id;
    expect(waits((row) => row.priority === 9)).toBeLessThan(waits((row) => row.priority === 0));
    for (const { id } of users.slice(0, -1))
      expect(waits((row) => row.user_id === id)).toBeLessThan(waits((row) => row.user_id === heavy));

    const seen = await following;
    const stored = await fleet.query<{ line: string }>(
      `select sequence || ' ' || name as line from entity_events where entity_id = $1 order by sequence`,
      [followed],
    );
    expect(seen).toEqual(stored.map(({ line }) => line));
  }, 600_000);
});
