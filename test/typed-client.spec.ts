import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { startTestApp, type TestApp } from './support/test-app.js';
import { ensureUser, issueToken } from './support/tokens.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Below the checkout, because the client's compiler looks for our packages from there. */
const PLACE = join(ROOT, 'dist', 'typed-client');
const SOURCE = join(PLACE, 'source');
const run = promisify(execFile);

/** What is compiled from test/typed-client. */
interface OperatorsDay {
  walk(access: { baseUrl: string; token: string; userId: string }): Promise<Record<string, unknown>>;
}

/**
 * A client in TypeScript is generated from the description that the server gives of itself, and an operator's day is compiled against it under
 * the rules of this repository: a route whose description is wrong fails to compile, or fails on the way.
 */
describe('a client generated from the API description', () => {
  let server: TestApp;
  let day: OperatorsDay;

  beforeAll(async () => {
    server = await startTestApp({ env: { CREDIT_PRICE_USD: '0.01' } });
    rmSync(PLACE, { recursive: true, force: true });
    mkdirSync(SOURCE, { recursive: true });
    const description = await (await fetch(`${server.url}/openapi.json`)).text();
    writeFileSync(join(PLACE, 'openapi.json'), description);
    const options = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: COMPILING, include: [SOURCE] };
    writeFileSync(join(SOURCE, 'tsconfig.json'), JSON.stringify(options));
    const generator = join(ROOT, 'node_modules', '@hey-api', 'openapi-ts', 'bin', 'run.js');
    const given = ['-i', join(PLACE, 'openapi.json'), '-o', join(SOURCE, 'api'), '-c', '@hey-api/client-fetch', '-s'];
    await run(process.execPath, [generator, ...given], { cwd: SOURCE });
    cpSync(join(ROOT, 'test', 'typed-client', 'operators-day.ts'), join(SOURCE, 'operators-day.ts'));
    await compile();
    day = (await import(pathToFileURL(join(PLACE, 'out', 'operators-day.js')).href)) as OperatorsDay;
  });
  afterAll(() => server.close());

  async function compile(): Promise<void> {
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    await run(compiler, ['-p', SOURCE]).catch((error: Error & { stdout?: string }) => {
      throw new Error(`the client does not compile:\n${error.stdout ?? error.message}`);
    });
  }

  it('walks an operator through a day', async () => {
    const userId = await ensureUser(server.app, { email: 'customer@example.com' });
    const token = await issueToken(server.app, { email: 'op@example.com', role: 'admin', scopes: ['admin'] });
    expect(await day.walk({ baseUrl: server.url, token, userId })).toMatchObject({
      found: userId,
      granted: '25.000000',
      available: '125.000000',
      staleChange: 412,
      budget: { percent: 0, alertEmails: ['ops@example.com'] },
      budgetRaised: '200.000000',
      usedToday: 0,
      unknownFilter: 'invalid_request',
      balanced: true,
    });
  });

  it('would not compile with a field that a route does not have', async () => {
    const wrong = `import { budgetAdminPage } from './api/index.js';\nexport const page = budgetAdminPage({ query: { color: 'red' } });\n`;
    writeFileSync(join(SOURCE, 'wrong.ts'), wrong);
    await expect(compile()).rejects.toThrow("'color' does not exist");
    rmSync(join(SOURCE, 'wrong.ts'));
    expect(existsSync(join(SOURCE, 'api', 'index.ts'))).toBe(true);
  });
});

const COMPILING = {
  rootDir: '.',
  outDir: '../out',
  incremental: false,
  tsBuildInfoFile: null,
  sourceMap: false,
  lib: ['es2024', 'dom', 'dom.iterable'],
  // What is generated follows rules of its own.
  exactOptionalPropertyTypes: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
};
