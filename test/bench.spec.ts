import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBooks } from '../bench/correctness.js';
import { QUICK, runEngineBench } from '../bench/engine/engine-bench.js';
import type { EngineReport } from '../bench/engine/engine-report.js';
import { type Report } from '../bench/report.js';
import { startTestApp } from './support/test-app.js';

const BENCH = join(import.meta.dirname, '..', 'bench', 'run.js');

describe('npm run bench', () => {
  it('measures this server, checks its books and writes the figures as JSON and as a page', async () => {
    const out = mkdtempSync(join(tmpdir(), 'tollgate-bench-out-'));
    const args = [
      'inference',
      '--contenders',
      'straight,bare proxy,tollgate',
      '--scenarios',
      'sse-1k,layers',
      '--seconds',
      '1',
      '--rounds',
      '1',
      '--warm-up',
      '1',
      '--connections',
      '4',
      '--out',
      out,
    ];
    const { exitCode, stdout } = await new Promise<{ exitCode: number; stdout: string }>((resolve) => {
      execFile(process.execPath, [BENCH, ...args], (error, text) => resolve({ exitCode: error ? 1 : 0, stdout: text }));
    });
    const files = readdirSync(out);
    const report = JSON.parse(
      readFileSync(
        join(
          out,
          files.find((file) => file.endsWith('.json'))!,
        ),
        'utf8',
      ),
    ) as Report;
    const page = readFileSync(
      join(
        out,
        files.find((file) => file.endsWith('.html'))!,
      ),
      'utf8',
    );
    rmSync(out, { recursive: true });

    expect(stdout).toContain('The books equal the provider’s bill.');
    expect(exitCode).toBe(0);
    const measured = (name: string) =>
      report.rows.filter(({ scenario }) => scenario === name).map((row) => row.contender);
    expect(measured('sse-1k')).toEqual(['straight', 'bare proxy', 'tollgate']);
    expect(measured('layers')).toEqual(['bare proxy', '+ auth', '+ constraints', '+ hold and settle', 'tollgate']);
    expect(report.rows.every((row) => row.requestsPerSecond.median > 0)).toBe(true);
    expect(page).toContain('<svg');
  });

  it('fails when the ledger is not what the provider billed', async () => {
    const server = await startTestApp();
    const faults = await checkBooks(server.app, () =>
      Promise.resolve({ requests: 1, promptTokens: 250, completionTokens: 20 }),
    );
    await server.close();
    expect(faults).toContain('requests: the ledger has 0, the provider billed 1');
  });
});

describe('npm run bench -- --only engine', () => {
  it('measures pairs, closes and the reconciliation, checks the books after each and writes the figures', async () => {
    const out = mkdtempSync(join(tmpdir(), 'tollgate-bench-out-'));
    const args = [BENCH, '--only', 'engine', '--quick', '--out', out];
    const { exitCode, stdout } = await new Promise<{ exitCode: number; stdout: string }>((resolve) => {
      execFile(process.execPath, args, (error, text) => resolve({ exitCode: error ? 1 : 0, stdout: text }));
    });
    const written = (ending: string): string => {
      const file = readdirSync(out).find((name) => name.endsWith(ending))!;
      return readFileSync(join(out, file), 'utf8');
    };
    const report = JSON.parse(written('.json')) as EngineReport & { bars: { name: string }[] };
    const page = written('.html');
    rmSync(out, { recursive: true });

    expect(stdout).toContain('The books balance.');
    expect(exitCode).toBe(0);
    for (const load of ['spread', 'hot']) {
      const contenders = report.pairs.filter((row) => row.load === load).map((row) => row.contender);
      expect(contenders).toContain('one per call, 16 connections');
      expect(contenders).toContain('batches of 256, 2 in flight');
      expect(contenders).toContain('TPC-B, statement by statement, 16 connections');
    }
    expect(report.pairs.every(({ perSecond }) => perSecond.median > 0)).toBe(true);
    expect(report.periods.map(({ subscriptions }) => subscriptions)).toEqual(QUICK.sizes);
    // A close writes its own row, the old grants, the next one, what is carried, their lines, the account and the subscription.
    expect(report.periods.every(({ rowsPerClose }) => rowsPerClose > 10 && rowsPerClose < 15)).toBe(true);
    expect(report.bars.map(({ name }) => name)).toContain('spread: pairs in batches against one per call at its best');
    expect(page).toContain('<svg');
  });

  it('fails for an account that does not balance', async () => {
    const settings = { ...QUICK, accounts: 4, seconds: 0.05, sizes: [20] };
    const { faults } = await runEngineBench(
      settings,
      () => undefined,
      async (client) => {
        await client.query(
          'update credit_accounts set balance_ucr = balance_ucr + 1 where user_id = (select max(user_id::text)::uuid from credit_accounts)',
        );
      },
    );
    expect(faults).toEqual([
      expect.stringContaining('account_equals_grants'),
      expect.stringContaining('20 subscriptions: account_equals_grants'),
    ]);
  });
});
