import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../auth/browser.js';
import { approve } from '../auth/desktop-client.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PERSON = { email: 'dora@example.com', password: 'correct horse battery' };

/** A process whose output is read while it runs. */
class Reader {
  private text = '';
  private readonly child;

  constructor(command: string, args: string[]) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.text)?.[1];
      if (found) return found;
      await once(this.child.stdout, 'data');
    }
  }

  write(text: string): void {
    this.child.stdin.write(text);
  }

  async end(): Promise<string> {
    this.child.stdin.end();
    await once(this.child, 'close');
    return this.text;
  }
}

describe('docs/desktop-client.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'desktop-client.md'), 'utf8');
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
  });
  afterAll(() => server.close());

  const blocks = (language: string) =>
    [...page.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) =>
      match[1]!.replaceAll('http://localhost:3000', server.url),
    );
  const comeBack = (address: string) => approve(new Browser(server.url), new URL(address), PERSON);

  it('shows TypeScript that signs in, asks and refreshes', async () => {
    // Below the checkout, so that it finds the packages.
    const folder = mkdtempSync(join(ROOT, 'dist', 'snippet-'));
    const file = join(folder, 'snippet.mts');
    writeFileSync(file, blocks('ts')[0]!);
    const snippet = new Reader(process.execPath, [file]);
    await fetch(await comeBack(await snippet.until(/Open (http\S+)\n/)));
    expect(await snippet.end()).toMatch(/\nHello\n$/);
    rmSync(folder, { recursive: true });
  });

  it('shows commands that do the same, and end it', async () => {
    const [, address, chat, refresh, revoke] = blocks('sh');
    const shell = new Reader('sh', ['-e']);
    shell.write(address!);
    const callback = await comeBack(await shell.until(/(http\S+)\n/));
    const code = callback.searchParams.get('code') ?? '';
    for (const block of [chat!.replace('the code from the address bar', code), refresh, revoke])
      shell.write(`echo; echo ----\n${block}`);
    const [, answer, credits, refused] = (await shell.end()).split('----').map((part) => part.trim());
    expect(JSON.parse(answer!)).toMatchObject({ choices: [{ message: { content: 'Hello' } }] });
    expect(JSON.parse(credits!)).toMatchObject({ available: expect.stringMatching(/^99\.\d+$/) });
    expect(JSON.parse(refused!)).toMatchObject({ code: 'invalid_token' });
  });

  it('names only files that there are', () => {
    const named = new Set([...page.matchAll(/`([\w-]+\.ts)`/g)].map((match) => match[1]!));
    expect(named.size).toBeGreaterThan(5);
    for (const name of named) expect(readFileSync(join(ROOT, 'examples', 'desktop', name), 'utf8')).not.toBe('');
  });
});
