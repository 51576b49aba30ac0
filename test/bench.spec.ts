import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBooks } from '../bench/correctness.js';
import { type Report } from '../bench/report.js';
import { startTestApp } from './support/test-app.js';

const BENCH = join(import.meta.dirname, '..', 'bench', 'run.js');

describe('npm run bench', () => {
  it('measures this server, checks its books and writes the figures as JSON and as a page', async () => {
    const out = mkdtempSync(join(tmpdir(), 'tollgate-bench-out-'));
    const args = [
      '--contenders',
      'straight,proxy,tollgate',
      '--scenarios',
      'sse-1k',
      '--seconds',
      '1',
      '--rounds',
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
    expect(report.rows.map((row) => row.contender)).toEqual(['straight', 'bare proxy', 'tollgate']);
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
