import { randomBytes } from 'node:crypto';
import pg from 'pg';

const TEMPLATE = 'tollgate_template';

/** The server that global setup started; it hands its address to the workers in the environment. */
export function testServerUrl(database: string): string {
  const url = process.env['TEST_SERVER_URL'];
  if (!url) throw new Error('the test server is not running: start the tests with npm test');
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

/** Runs one administrative statement beside the databases under test. */
export async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: testServerUrl('postgres') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A database of its own, migrated and seeded: a copy of the template, file by file, which is half the work of writing it ahead first. */
export async function createTestDatabase(template = TEMPLATE): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(`create database ${name} template ${template} strategy file_copy`);
  return { url: testServerUrl(name), drop: () => administer(`drop database ${name} with (force)`) };
}

/** A database without any table, for specs about migrations. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createTestDatabase('template0');
}
