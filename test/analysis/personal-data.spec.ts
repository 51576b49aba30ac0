import { ERASURE_JOB } from '../../src/auth/identity/erasure.job.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import type { Caller } from '../inference/chat-bench.js';
import { until } from '../support/until.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

/** In the text, the idea and the names that the sandbox makes of it; nowhere else. */
const SECRET = 'Quillomene';

describe('what people had analysed, and named', () => {
  let bench: AnalysisBench;
  let caller: Caller;
  let other: Caller;

  beforeAll(async () => {
    bench = await AnalysisBench.start();
    caller = await bench.chat.caller('pro');
    other = await bench.chat.caller('pro');
    await bench.analyse(caller, { ...REQUEST, subject: `About ${SECRET}`, text: `${SECRET} is what I dream of.` });
    await bench.analyse(other);
    const idea = { businessIdea: `- ${SECRET}\n- Kaffa`, models: ['sandbox-echo'] };
    const begun = await caller.post('/v1/generations', idea);
    expect(begun.status).toBe(202);
    await until(
      async () => (await caller.get(`/v1/generations/${String(begun.body['id'])}`)).body['status'] === 'completed',
    );
  });
  afterAll(() => bench.close());

  const execute = <Row extends object>(sql: string): Promise<Row[]> =>
    bench.chat.server.orm.em.fork().execute<Row[]>(sql);

  /** The tables in which some row holds the word, the queue's own among them. */
  async function tablesWithSecret(): Promise<string[]> {
    const tables = await execute<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      if ((await execute(`select 1 from ${name} t where t::text like '%${SECRET}%' limit 1`)).length > 0)
        found.push(name);
    }
    return found;
  }

  it('is in their export, whole, and not in that of others', async () => {
    const { body } = await caller.get('/v1/me/export');
    expect(body['analyses']).toMatchObject([
      {
        subject_id: `About ${SECRET}`,
        kind: 'sentiment',
        status: 'completed',
        input: { text: `${SECRET} is what I dream of.` },
        result: SENTIMENT,
      },
    ]);
    expect(body['generations']).toMatchObject([{ business_idea: `- ${SECRET}\n- Kaffa`, status: 'completed' }]);
    expect(body['nameSuggestions']).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: SECRET, ai_model: 'sandbox-echo' })]),
    );
    const others = (await other.get('/v1/me/export')).body;
    expect(others['analyses']).toHaveLength(1);
    expect(JSON.stringify(others)).not.toContain(SECRET);
  });

  // Removed once: 'analyses' as a section that is erased. The text was still there.
  it('is gone with them: no table holds a word of it, and what it cost stays in the books', async () => {
    expect(await tablesWithSecret()).toEqual(
      expect.arrayContaining(['ai_analyses', 'ai_generations', 'name_suggestions', 'projects']),
    );
    const charged = await caller.ledger();
    expect(charged.map(({ operation }) => operation).toSorted()).toEqual(['analysis', 'generation']);
    await caller.query(`update users set deleted_at = now() - interval '31 days' where id = ?`);

    expect(await bench.chat.server.app.get(JobRegistry).runNow(ERASURE_JOB, new Date())).toMatchObject({ failed: 0 });

    expect(await tablesWithSecret()).toEqual([]);
    const followed = await caller.query('select 1 from entity_events where user_id = ?');
    expect(followed).toEqual([]);
    const sumOf = (rows: readonly { credits_ucr: string }[]) => rows.map(({ credits_ucr: credits }) => credits);
    expect(sumOf(await caller.ledger())).toEqual(sumOf(charged));
    expect(await other.query('select status from ai_analyses where user_id = ?')).toEqual([{ status: 'completed' }]);
    await bench.expectBalanced();
  });
});
