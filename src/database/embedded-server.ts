import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { OperatorError } from '../common/errors/operator-error.js';
import {
  assertWritable,
  findBinaries,
  findServerUser,
  firstClosedFolder,
  type PostgresBinaries,
  type ServerUser,
  SHARED_HOME,
} from './postgres-binaries.js';
import { isAlive, isOwnerAlive, markOf, readState, type ServerState, writeState } from './server-state.js';

const DATABASE_NAME = 'tollgate';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const RETRY_MS = 250;
/** What PostgreSQL says where children of a server that was killed still use its memory (LC_ALL is C, so it is not translated). */
const STILL_IN_USE = 'pre-existing shared memory block';
/** A server that keeps dying is not restarted for ever: something outside (disk full, killed by hand) needs a person. */
const RESTARTS_MAX = 5;

/** A second start on one DATA_DIR: two servers on one cluster would destroy it. */
export class DataDirInUseError extends OperatorError {
  constructor(home: string, pid: number) {
    super(`Tollgate is already running on ${home} (process ${pid}). Stop it first, or set DATA_DIR to another folder.`);
  }
}

export interface EmbeddedServerOptions {
  dataDir: string;
  /** When the operator chose the folder, it is never moved elsewhere. */
  isDataDirChosen: boolean;
  onMessage: (text: string) => void;
  /** Extra `name=value` settings of the server process, e.g. for tests. */
  settings?: string[];
}

/**
 * PostgreSQL as a child process with its data under DATA_DIR. It runs in a process group of its own, so that Ctrl-C reaches only us and we
 * can settle what is open before the database goes. A server that dies is started again on the same port.
 */
export class EmbeddedServer {
  private child: ChildProcess | undefined;
  private isStopping = false;
  private restartCount = 0;

  private constructor(
    private readonly home: string,
    private readonly program: { binaries: PostgresBinaries; user: ServerUser | undefined },
    private readonly state: ServerState,
    private readonly options: EmbeddedServerOptions,
  ) {}

  get url(): string {
    return serverUrl(this.state);
  }

  /** The folder that holds the cluster, its log and `tollgate.json`. */
  get homeDir(): string {
    return this.home;
  }

  /** The server process, for tests that kill it. */
  get processId(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Starts the server, making the cluster on the first run and ending what a killed process left behind.
   * @throws DataDirInUseError while another Tollgate owns the folder.
   */
  static async start(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
    const user = findServerUser();
    const home = resolveHome(options, user);
    assertWritable(home);
    const release = claim(home);
    try {
      const previous = readState(home);
      if (previous && isOwnerAlive(previous)) throw new DataDirInUseError(home, previous.pid);
      const state = {
        password: previous?.password ?? randomBytes(24).toString('base64url'),
        port: await freePort(),
        pid: process.pid,
        processMark: markOf(process.pid),
      };
      const server = new EmbeddedServer(home, { binaries: await findBinaries(user), user }, state, options);
      await server.endOrphan();
      server.initialise();
      writeState(home, state);
      // Whoever exits without stopping it, as when a shutdown takes too long, at least tells it to end.
      process.once('exit', server.endWithProcess);
      try {
        await server.launch();
        await server.createDatabase();
      } catch (error) {
        await server.stop();
        throw error;
      }
      return server;
    } finally {
      release();
    }
  }

  /** The URL of a server that a living Tollgate process runs on this folder, for commands. */
  static findRunning(options: Pick<EmbeddedServerOptions, 'dataDir' | 'isDataDirChosen'>): string | undefined {
    const state = readState(resolveHome(options, findServerUser()));
    return state && isOwnerAlive(state) ? serverUrl(state) : undefined;
  }

  private readonly endWithProcess = (): void => void this.child?.kill('SIGINT');

  /** Ends the server after its clients are gone ("fast": open transactions are rolled back, everything committed is on disk). */
  async stop(): Promise<void> {
    this.isStopping = true;
    const { child } = this;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      await ended;
    }
    process.off('exit', this.endWithProcess);
    writeState(this.home, { ...this.state, pid: 0, processMark: '' });
  }

  private get clusterDir(): string {
    return join(this.home, 'postgresql');
  }

  private get logFile(): string {
    return join(this.home, 'postgresql.log');
  }

  private initialise(): void {
    if (existsSync(join(this.clusterDir, 'PG_VERSION'))) return;
    this.options.onMessage('Making the database (first start only) …');
    // initdb works beside the final place, so that a start that is interrupted leaves nothing half-made.
    const unfinished = `${this.clusterDir}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { mode: 0o700 });
    this.own(unfinished);
    const passwordFile = join(this.home, `.password-${process.pid}`);
    writeFileSync(passwordFile, this.state.password, { mode: 0o600 });
    this.own(passwordFile);
    const initdb = spawnSync(
      this.program.binaries.initdb,
      [
        `--pgdata=${unfinished}`,
        '--auth=scram-sha-256',
        '--username=tollgate',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...this.program.user, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, cwd: '/' },
    );
    unlinkSync(passwordFile);
    if (initdb.status !== 0)
      throw new OperatorError(`The database could not be made: ${initdb.stderr || initdb.error?.message}`);
    renameSync(unfinished, this.clusterDir);
  }

  /**
   * Starts the server process. One that was killed leaves children that go on with their statement until they look up, and PostgreSQL
   * refuses to start beside them: it is tried again until they are gone.
   */
  private async launch(): Promise<void> {
    for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(RETRY_MS)) {
      const child = this.spawnServer();
      if (await this.becomesReady(child)) return void child.once('exit', () => void this.recover(child));
      const end = this.endOfLog();
      if (this.isStopping || Date.now() > deadline || !end.includes(STILL_IN_USE))
        throw new OperatorError(`The embedded PostgreSQL did not start. The end of ${this.logFile}:\n${end}`);
    }
  }

  private spawnServer(): ChildProcess {
    const log = openSync(this.logFile, 'a', 0o600);
    this.own(this.logFile);
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'max_connections=200',
      'timezone=UTC',
      'log_timezone=UTC',
      'shared_preload_libraries=pg_stat_statements',
      ...(this.options.settings ?? []),
    ];
    const child = spawn(
      this.program.binaries.postgres,
      ['-D', this.clusterDir, '-p', String(this.state.port), ...settings.flatMap((setting) => ['-c', setting])],
      {
        ...this.program.user,
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, LC_ALL: 'C' },
        cwd: '/',
      },
    );
    closeSync(log);
    this.child = child;
    return child;
  }

  /** Whether the process came to answer; false where it ended first. */
  private async becomesReady(child: ChildProcess): Promise<boolean> {
    for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_MS)) {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      if (await accepts(serverUrl(this.state, 'postgres'))) return true;
    }
    throw new OperatorError(
      `The embedded PostgreSQL did not answer within ${START_TIMEOUT_MS / 1000} s; see ${this.logFile}.`,
    );
  }

  private endOfLog(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-6).join('\n');
  }

  private async recover(dead: ChildProcess): Promise<void> {
    if (this.isStopping || this.child !== dead) return;
    this.restartCount += 1;
    if (this.restartCount > RESTARTS_MAX)
      return this.options.onMessage(
        `The embedded PostgreSQL ended ${this.restartCount} times and stays down; see ${this.logFile}.`,
      );
    this.options.onMessage('The embedded PostgreSQL ended by itself; starting it again …');
    await this.endOrphan();
    await this.launch().catch((error: unknown) => this.options.onMessage((error as Error).message));
  }

  /** A killed Tollgate leaves its server running, and a killed server its children: wait until nothing uses the cluster. */
  private async endOrphan(): Promise<void> {
    const lockFile = join(this.clusterDir, 'postmaster.pid');
    if (!existsSync(lockFile)) return;
    const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0]);
    if (!isAlive(pid) || !isPostgres(pid)) return rmSync(lockFile, { force: true });
    this.options.onMessage('A database server of a killed process is still running; ending it …');
    process.kill(pid, 'SIGINT');
    for (const deadline = Date.now() + STOP_TIMEOUT_MS; isAlive(pid); await sleep(POLL_MS)) {
      if (Date.now() > deadline)
        throw new OperatorError(
          `Process ${pid} still uses ${this.clusterDir} and does not end. End it by hand and start again.`,
        );
    }
  }

  private async createDatabase(): Promise<void> {
    const client = new pg.Client({ connectionString: serverUrl(this.state, 'postgres') });
    await client.connect();
    try {
      const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE_NAME]);
      if (rowCount === 0) await client.query(`create database ${DATABASE_NAME}`);
    } finally {
      await client.end();
    }
  }

  private own(path: string): void {
    const { user } = this.program;
    if (user) chownSync(path, user.uid, user.gid);
  }
}

function serverUrl(state: ServerState, database = DATABASE_NAME): string {
  return `postgresql://tollgate:${state.password}@127.0.0.1:${state.port}/${database}`;
}

function resolveHome(
  options: Pick<EmbeddedServerOptions, 'dataDir' | 'isDataDirChosen'>,
  user: ServerUser | undefined,
): string {
  // The folder itself is ours to open; what lies above it is not.
  const closed = user && firstClosedFolder(options.dataDir, user);
  if (!closed) return options.dataDir;
  if (options.isDataDirChosen) {
    throw new OperatorError(
      `PostgreSQL does not run as root, and its user "postgres" cannot enter ${closed}. Open it (chmod o+x ${closed}), or set DATA_DIR to a folder it can reach.`,
    );
  }
  return join(SHARED_HOME, createHash('sha256').update(options.dataDir).digest('hex').slice(0, 12));
}

/** Keeps two starts at the same moment apart; a claim whose process died is void. */
function claim(home: string): () => void {
  const file = join(home, 'start.lock');
  try {
    writeFileSync(file, `${process.pid} ${markOf(process.pid)}`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const [pid = '0', mark = ''] = readFileSync(file, 'utf8').split(' ');
    if (isAlive(Number(pid)) && markOf(Number(pid)) === mark) throw new DataDirInUseError(home, Number(pid));
    unlinkSync(file);
    return claim(home);
  }
  // The database user must be able to enter the folder that holds its cluster.
  chmodSync(home, 0o711);
  return () => rmSync(file, { force: true });
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
  } catch {
    return process.platform !== 'linux'; // without /proc we trust the lock file
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined); // a server that is still starting drops the attempt
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
