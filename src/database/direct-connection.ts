import type { Config } from '../config/config.js';
import { tlsOptions } from '../mikro-orm.config.js';

/** Options for `pg` and whatever stands on it. */
export interface DirectConnection {
  connectionString: string;
  application_name: string;
  ssl?: { rejectUnauthorized: boolean };
}

/**
 * What opens a session past a transaction pooler (`DATABASE_DIRECT_URL`, else `DATABASE_URL`): for LISTEN, session locks and the queue.
 * TLS is as on the ORM's connections: the driver would let the URL's `sslmode` win, and reads more into it than libpq does.
 */
export function directConnection(config: Config): DirectConnection {
  const given = config.databaseDirectUrl ?? config.databaseUrl;
  if (!given) throw new Error('a direct connection was asked for before the database server was opened');
  const url = new URL(given);
  url.searchParams.delete('sslmode');
  return { connectionString: url.href, application_name: 'tollgate', ...tlsOptions(given) };
}
