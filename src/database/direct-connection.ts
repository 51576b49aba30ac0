import pg from 'pg';
import type { Config } from '../config/config.js';
import { prepareSession, tlsOptions } from '../mikro-orm.config.js';

/**
 * A session that waits for a long statement hears nothing meanwhile. After as long the kernel asks whether the host is still there, every second,
 * and gives up after ten questions: otherwise whoever waits for a host that fell silent would wait for ever.
 */
const KEEP_ALIVE_AFTER_MS = 10_000;

/** Options for `pg` and whatever stands on it. */
export interface DirectConnection {
  connectionString: string;
  application_name: string;
  connectionTimeoutMillis: number;
  keepAlive: true;
  keepAliveInitialDelayMillis: number;
  ssl?: { rejectUnauthorized: boolean };
}

/** What opens a session past a transaction pooler (`DATABASE_DIRECT_URL`, else `DATABASE_URL`): for LISTEN, session locks and the queue. */
export function directConnection(config: Config): DirectConnection {
  return connectionTo(config.databaseDirectUrl ?? config.databaseUrl, config);
}

/**
 * What opens a session past the pool. TLS is as on the ORM's connections: the driver would let the URL's `sslmode` win, and reads more into it
 * than libpq does.
 */
export function connectionTo(given: string | undefined, config: Config): DirectConnection {
  if (!given) throw new Error('a connection was asked for before the database server was opened');
  const url = new URL(given);
  url.searchParams.delete('sslmode');
  return {
    connectionString: url.href,
    application_name: 'tollgate',
    connectionTimeoutMillis: config.databasePoolTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    ...tlsOptions(given),
  };
}

/**
 * Runs `work` on a session of its own, past the pool and without the time limit of request traffic. `signal` ends the session: the statement
 * under way then fails, and the server stops working on it.
 */
export async function withDirectClient<Result>(
  config: Config,
  work: (client: pg.Client) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  signal?.throwIfAborted();
  const client = new pg.Client(directConnection(config));
  client.on('error', () => undefined); // the statement under way fails and says so
  const end = (): void => void client.end();
  signal?.addEventListener('abort', end);
  try {
    await opened(client);
    await prepareSession(client, false);
    // A server notices only by looking that the one who asked is gone.
    await client.query(`set client_connection_check_interval = '5s'`);
    return await work(client);
  } finally {
    signal?.removeEventListener('abort', end);
    await client.end();
  }
}

/** The driver never settles a connect that was ended meanwhile, at some moments. */
function opened(client: pg.Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('end', () => reject(new Error('the session was ended before it was open')));
    client.connect().then(() => resolve(), reject);
  });
}
