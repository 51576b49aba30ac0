import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataDirInUseError, EmbeddedServer, type EmbeddedServerOptions } from '../../src/database/embedded-server.js';
import { makeDataFolder } from '../support/data-folder.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 20_000; ; await sleep(50)) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** Another process that owns a server on `dataDir`, as a second Tollgate would. */
async function ownerProcess(dataDir: string): Promise<ChildProcess> {
  const module = new URL('../../src/database/embedded-server.js', import.meta.url).href;
  const script = `const { EmbeddedServer } = await import(${JSON.stringify(module)});
    const server = await EmbeddedServer.start({ dataDir: ${JSON.stringify(dataDir)}, isDataDirChosen: true, onMessage: () => {} });
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', () => reject(new Error('the other process ended early')));
  });
  return child;
}

describe('the embedded server', () => {
  let dataDir: string;
  let options: EmbeddedServerOptions;
  let server: EmbeddedServer | undefined;

  beforeEach(() => {
    dataDir = makeDataFolder('embedded');
    options = { dataDir, isDataDirChosen: true, onMessage: () => undefined };
  });

  afterEach(async () => {
    await server?.stop();
    server = undefined;
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('keeps its data from one start to the next, and its password to its owner', async () => {
    const first = await EmbeddedServer.start(options);
    await query(first.url, 'create table kept (n int); insert into kept values (42)');
    expect(EmbeddedServer.findRunning(options)).toBe(first.url);
    await first.stop();
    expect(EmbeddedServer.findRunning(options)).toBeUndefined();

    server = await EmbeddedServer.start(options);
    expect(await query(server.url, 'select n from kept')).toEqual([{ n: 42 }]);
    expect(statSync(join(dataDir, 'tollgate.json')).mode & 0o777).toBe(0o600);
  });

  it('refuses a second start on the same folder, in this process and in another', async () => {
    const other = await ownerProcess(dataDir);
    try {
      await expect(EmbeddedServer.start(options)).rejects.toThrow(DataDirInUseError);
      await expect(EmbeddedServer.start(options)).rejects.toThrow(`process ${other.pid}`);
    } finally {
      other.kill('SIGKILL');
    }
    server = await eventually(() => EmbeddedServer.start(options));
    await expect(EmbeddedServer.start(options)).rejects.toThrow(DataDirInUseError);
  });

  it('takes over what a killed process left: its running server, its lock and its data', async () => {
    const other = await ownerProcess(dataDir);
    await query(EmbeddedServer.findRunning(options)!, 'create table kept (n int); insert into kept values (1)');
    const ended = new Promise((resolve) => other.once('exit', resolve));
    other.kill('SIGKILL');
    await ended;

    server = await EmbeddedServer.start(options);
    expect(await query(server.url, 'select n from kept')).toEqual([{ n: 1 }]);
  });

  it('starts again on the same address when the server process is killed', async () => {
    server = await EmbeddedServer.start(options);
    const { url } = server;
    await query(url, 'create table kept (n int); insert into kept values (7)');
    process.kill(server.processId!, 'SIGKILL');
    await sleep(100);
    expect(await eventually(() => query(url, 'select n from kept'))).toEqual([{ n: 7 }]);
    expect(server.url).toBe(url);
  });

  it('waits for what a killed server process still does, however busy it is', async () => {
    const said: string[] = [];
    server = await EmbeddedServer.start({ ...options, onMessage: (text) => said.push(text) });
    const { url } = server;
    const busy = new pg.Client({ connectionString: url });
    const isLost = new Promise((resolve) => busy.on('error', resolve));
    await busy.connect();
    // A loop that waits for nothing does not see that its server is gone: it goes on to its end.
    const loop = busy.query(`do $$ declare until timestamptz := clock_timestamp() + interval '3 seconds';
      begin while clock_timestamp() < until loop end loop; end $$`);
    await sleep(300);
    process.kill(server.processId!, 'SIGKILL');
    await sleep(100);
    expect(await eventually(() => query(url, 'select 1 as n'))).toEqual([{ n: 1 }]);
    expect(readFileSync(join(dataDir, 'postgresql.log'), 'utf8')).toContain('pre-existing shared memory block');
    expect(said).toEqual(['Making the database (first start only) …', expect.stringContaining('ended by itself')]);
    await Promise.all([loop, isLost]);
  });

  it('tells the end of its log when it cannot start', async () => {
    await expect(EmbeddedServer.start({ ...options, settings: ['shared_buffers=nonsense'] })).rejects.toThrow(
      /did not start[^]*shared_buffers/,
    );
    expect(readFileSync(join(dataDir, 'postgresql.log'), 'utf8')).toContain('shared_buffers');
  });
});
