import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServer } from '../../src/database/embedded-server.js';
import { migrateAndSeed } from '../support/migrate-and-seed.js';
import { type Answer, Fleet } from './fleet.js';

const CALLERS = 12;
/** Who dies in which round, and how long the load runs before: not in step with anything. */
const ROUNDS = [
  { dies: 'database', afterMs: 430 },
  { dies: 'server', afterMs: 610 },
  { dies: 'database', afterMs: 270 },
  { dies: 'both', afterMs: 520 },
  { dies: 'database', afterMs: 340 },
] as const;
/** Reading its log again takes a database that was killed longer where everything else is busy as well. */
const RECOVERY_MS_MAX = 60_000;

/** Two servers and a PostgreSQL of their own, killed at moments that nothing waits for. */
describe('whoever is killed under load', () => {
  let dataDir: string;
  let postgres: EmbeddedServer;
  let fleet: Fleet;
  const said: string[] = [];

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'tollgate-kill-'));
    postgres = await EmbeddedServer.start({ dataDir, isDataDirChosen: true, onMessage: (text) => said.push(text) });
    await migrateAndSeed(postgres.url);
    fleet = await Fleet.start({ url: postgres.url, drop: () => Promise.resolve() }, { DATABASE_POOL_SIZE: '10' });
  });

  afterAll(async () => {
    await fleet.end();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Until a server answers a chat again, by itself. */
  async function untilServing(server: number, token: string): Promise<void> {
    let last = 'it was never asked';
    for (const deadline = Date.now() + RECOVERY_MS_MAX; Date.now() < deadline; await sleep(50)) {
      try {
        const answer = await fleet.chat(server, token, 'sandbox-echo');
        if (answer.status === 200) return;
        last = `it answered ${answer.status}`;
      } catch (error) {
        last = String(error);
      }
    }
    throw new Error(`server ${server} does not serve any more: ${last}\n${said.join('\n')}`);
  }

  it('leaves no answer uncharged, no hold behind and balanced books, and all go on by themselves', async () => {
    const { id, token } = await fleet.user(1_000_000_000n);
    const answered: Answer[] = [];
    let isOver = false;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      while (!isOver) {
        try {
          const answer = await fleet.chat(caller % 2, token, caller % 3 === 0 ? 'sandbox-exact' : 'sandbox-echo');
          if (answer.status === 200) answered.push(answer);
          else await sleep(20);
        } catch {
          await sleep(20); // the connection went with the server: this request was not answered
        }
      }
    });
    for (const { dies, afterMs } of ROUNDS) {
      await sleep(afterMs);
      const pid = postgres.processId;
      if (dies !== 'server') process.kill(pid!, 'SIGKILL');
      if (dies !== 'database') await fleet.servers[1]!.kill();
      if (dies !== 'server') await untilServing(0, token);
      if (dies !== 'database') await fleet.restart(1);
      await untilServing(1, token);
      expect(postgres.processId === pid).toBe(dies === 'server');
    }
    isOver = true;
    await Promise.all(callers);

    expect(answered.length).toBeGreaterThan(100);
    const ledger = await fleet.query<{ hold_id: string; credits_ucr: string }>(
      'select hold_id, credits_ucr from token_usage_ledger where user_id = $1',
      [id],
    );
    const charges = new Map(ledger.map((row) => [row.hold_id, BigInt(row.credits_ucr)]));
    expect(charges.size).toBe(ledger.length);
    expect(answered.filter((answer) => charges.get(answer.requestId) !== answer.chargedUcr)).toEqual([]);

    // Past the time of every hold: the sweep ends those whose requests died.
    await fleet.advance('PT10M');
    expect(await fleet.query(`select id from credit_holds where state = 'pending'`)).toEqual([]);
    expect(await fleet.brokenInvariants()).toEqual([]);
  });
});
