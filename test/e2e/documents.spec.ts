import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataFolder } from '../support/data-folder.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';

/** The longest page starts a process for each of its commands. */
const PAGE_MS_MAX = 240_000;
const ROOT = join(import.meta.dirname, '..', '..', '..');

/** What a page tells its reader to run. */
function shellBlocks(page: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!.trim());
}

describe('the documents for operators and app developers', () => {
  let dataDir: string;
  let server: ServerProcess;

  beforeAll(async () => {
    dataDir = makeDataFolder('documents');
    server = await startServerProcess({ DATA_DIR: dataDir });
  });
  afterAll(async () => {
    await server.end();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Runs lines in one shell in the checkout, as a reader would paste them; what they would compile first is compiled already. */
  function runShell(lines: string): Promise<string> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/tmp',
      npm_config_ignore_scripts: 'true',
      DATA_DIR: dataDir,
      PORT: new URL(server.url).port,
      LOG_LEVEL: 'silent',
    };
    return new Promise((resolve, reject) => {
      execFile(
        'sh',
        ['-ec', lines.replaceAll('http://localhost:3000', server.url)],
        { cwd: ROOT, env },
        (error, stdout, stderr) => (error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout)),
      );
    });
  }

  it(
    'show commands about credits that work as printed, one after the other',
    async () => {
      // The page refunds the last request: there is one.
      const request = `
      CHAT=$(npm run -s token -- --email demo@example.com --scope "llm.inference")
      curl -s http://localhost:3000/v1/chat/completions -H "Authorization: Bearer $CHAT" -H 'Content-Type: application/json' \\
        -d '{"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hello"}]}'`;
      const output = await runShell([request, ...shellBlocks('credits.md')].join('\necho; echo ----\n'));
      const [, credits, history, account, grantId, adjustment, reversal, refund, holds] = output
        .split('----')
        .map((part) => part.trim());
      const parsed = (text: string | undefined): Record<string, unknown> =>
        JSON.parse(text ?? '') as Record<string, unknown>;
      expect(parsed(credits)).toMatchObject({ held: '0.000000', debt: '0.000000', expiring: expect.any(Array) });
      expect(parsed(history)).toMatchObject({
        data: [{ kind: 'usage', requestId: expect.any(String) }],
        nextCursor: null,
      });
      expect(parsed(account)).toMatchObject({ pendingCount: 0, grants: { data: [{ source: 'subscription' }] } });
      expect(parsed(adjustment)).toMatchObject({ postings: [{ kind: 'adjustment', amount: '-12.500000', grantId }] });
      expect(parsed(reversal)).toMatchObject({ postings: [{ kind: 'adjustment', amount: '12.500000', grantId }] });
      expect(parsed(refund)).toMatchObject({ postings: [{ kind: 'refund' }], debt: '0.000000' });
      expect(parsed(holds)).toEqual({ data: [], nextCursor: null });
    },
    PAGE_MS_MAX,
  );

  it(
    'show commands about subscriptions that work as printed',
    async () => {
      const [lines = ''] = shellBlocks('subscriptions.md');
      const output = await runShell(lines.replaceAll('\ncurl', '\necho; echo ----\ncurl'));
      const [, listed, preview, run] = output.split('----').map((part) => part.trim());
      expect(JSON.parse(listed ?? '')).toMatchObject({ data: [{ tier: 'pro', status: 'active' }], nextCursor: null });
      expect(JSON.parse(preview ?? '')).toMatchObject({ dryRun: true, closed: 0, data: [] });
      expect(JSON.parse(run ?? '')).toMatchObject({ dryRun: false, closed: 0, failed: 0 });
    },
    PAGE_MS_MAX,
  );

  it(
    'show requests in the other wire formats that work as printed',
    async () => {
      const tokens = `
      TOKEN=$(npm run -s token -- --email demo@example.com --scope "llm.inference user.info")
      KEY=$(curl -s http://localhost:3000/v1/me/api-keys -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
        -d '{"name": "documents", "scopes": ["llm.inference"]}' | node -p 'JSON.parse(require("fs").readFileSync(0)).key')`;
      const output = await runShell([tokens, ...shellBlocks('dialects.md')].join('\necho; echo ----\n'));
      const [, response, message] = output.split('----').map((part) => part.trim());
      expect(JSON.parse(response ?? '')).toMatchObject({ object: 'response', status: 'completed' });
      expect(JSON.parse(message ?? '')).toMatchObject({ type: 'message', content: [{ text: 'Hello' }] });
    },
    PAGE_MS_MAX,
  );
});
