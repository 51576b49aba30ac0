import pg from 'pg';
import { OperatorError } from '../../common/errors/operator-error.js';
import { OLDER_COLUMNS, type OlderRow } from '../domain/older-model.js';

/** Far more than any catalogue has; a table with more is another table. */
const ROWS_MAX = 50_000;

/** The table that the connection's own search path means, else the one in `public`. */
const COLUMNS_SQL = `
  select c.table_schema, c.column_name
    from information_schema.columns c
   where c.table_name = 'models' and c.table_schema = (
     select t.table_schema from information_schema.tables t where t.table_name = 'models' and t.table_type = 'BASE TABLE'
      order by t.table_schema = current_schema() desc, t.table_schema = 'public' desc limit 1)`;

/**
 * Every row of `models` in a database of the older shape, read in one read-only transaction.
 * @throws OperatorError when there is no such table, or it lacks the columns that make it the older one
 */
export async function readOlderTable(url: string): Promise<OlderRow[]> {
  if (!URL.canParse(url))
    throw new OperatorError('--from must be a URL such as postgresql://user:password@host/database');
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query('begin transaction read only isolation level repeatable read');
    const { rows: columns } = await client.query<{ table_schema: string; column_name: string }>(COLUMNS_SQL);
    const present = new Set(columns.map((column) => column.column_name));
    const missing = ['id', 'name', 'provider', ...OLDER_COLUMNS].filter((column) => !present.has(column));
    if (missing.length > 0) {
      throw new OperatorError(`The table models there is not of the older shape: it lacks ${missing.join(', ')}.`);
    }
    const table = `${pg.escapeIdentifier(columns[0]!.table_schema)}.models`;
    const { rows } = await client.query<Record<string, unknown>>(
      `select * from ${table} order by id limit ${ROWS_MAX + 1}`,
    );
    if (rows.length > ROWS_MAX) throw new OperatorError(`The table models has more than ${ROWS_MAX} rows.`);
    return rows;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The older table could not be read: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}
