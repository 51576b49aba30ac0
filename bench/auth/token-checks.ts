import { createHash, randomBytes } from 'node:crypto';
import { MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import autocannon from 'autocannon';
import fastify from 'fastify';
import { AccessTokenVerifier } from '../../src/auth/access/access-token.verifier.js';
import { issueToken } from '../../test/support/tokens.js';

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 1;
const TIMEOUT_SECONDS = 30;

export interface Tokens {
  signed: string[];
  opaque: string[];
}

export interface TokenChecks {
  openPerSecond: number;
  verifiedPerSecond: number;
  lookedUpPerSecond: number;
}

/** Signed tokens, and opaque ones in a table as they would be: by their hash, indexed. */
export async function prepareTokens(app: NestFastifyApplication, count: number): Promise<Tokens> {
  const { em } = app.get<MikroORM>(MikroORM);
  const signed: string[] = [];
  const opaque = Array.from({ length: count }, () => randomBytes(32).toString('base64url'));
  await em.fork().execute('create table bench_opaque_tokens (hash bytea primary key, user_id uuid, scopes text)');
  for (const [index, token] of opaque.entries()) {
    signed.push(await issueToken(app, { email: `bench-${index}@example.com`, scopes: ['user.info'] }));
    const sql = `insert into bench_opaque_tokens select decode(?, 'hex'), id, 'user.info' from users where email = ?`;
    await em.fork().execute(sql, [hexHash(token), `bench-${index}@example.com`]);
  }
  return { signed, opaque };
}

/**
 * The same route three times: open; behind this server's own check of a signed token; behind what would take its place, a look-up of an opaque
 * token, as pooled as everything else. All in one process with the load, so only the ratios mean something.
 */
export async function measureTokenChecks(
  app: NestFastifyApplication,
  { signed, opaque }: Tokens,
  seconds: number,
): Promise<TokenChecks> {
  const { em } = app.get<MikroORM>(MikroORM);
  const verifier = app.get(AccessTokenVerifier);
  const server = fastify();
  server.get('/open', () => ({ ok: true }));
  server.get('/verified', async ({ method, url: path, headers: { authorization } }) => {
    await verifier.verify({ authorization, dpop: undefined, method, path });
    return { ok: true };
  });
  server.get('/looked-up', async ({ headers: { authorization = '' } }) => {
    const sql = `select t.scopes, u.status, u.role from bench_opaque_tokens t join users u on u.id = t.user_id where t.hash = decode(?, 'hex')`;
    const rows = await em.fork().execute<unknown[]>(sql, [hexHash(authorization.slice('Bearer '.length))]);
    if (rows.length !== 1) throw new Error('an opaque token was not found');
    return { ok: true };
  });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  try {
    return {
      openPerSecond: await load(`${url}/open`, signed, seconds),
      verifiedPerSecond: await load(`${url}/verified`, signed, seconds),
      lookedUpPerSecond: await load(`${url}/looked-up`, opaque, seconds),
    };
  } finally {
    await server.close();
  }
}

async function load(url: string, tokens: readonly string[], seconds: number): Promise<number> {
  const run = async (duration: number) => {
    let connection = 0;
    const result = await autocannon({
      url,
      method: 'GET',
      body: '',
      connections: CONNECTIONS,
      duration,
      timeout: TIMEOUT_SECONDS,
      setupClient: (client) => {
        client.setRequests([{ headers: { authorization: `Bearer ${tokens[connection % tokens.length]}` } }]);
        connection += 1;
      },
    });
    if (result.non2xx > 0 || result.errors > 0) throw new Error(`${url}: ${result.non2xx} answers were no success`);
    return result.requests.total / result.duration;
  };
  await run(WARM_UP_SECONDS);
  return run(seconds);
}

function hexHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
