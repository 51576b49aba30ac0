import type { EntityManager } from '@mikro-orm/postgresql';
import type { PersonalDataRegistry } from '../common/personal-data.js';

/** Read at once, unless a table has larger rows; an export of any length takes no more memory. */
const PAGE = 500;

export interface UserRows {
  table: string;
  /** Without `key`, which is always read. */
  columns: readonly string[];
  /** The column that orders the rows: their id, or the person where there is one row each. */
  key?: string;
  /** The column that names the person. */
  owner?: string;
  /** How many of them are read at once. */
  page?: number;
}

/** Every row of a table that is about one person, as stored, in the order of making. Names come from the code, never from a request. */
async function* rowsOfUser(em: EntityManager, rows: UserRows, userId: string): AsyncIterable<object> {
  const { table, columns, key = 'id', owner = 'user_id', page: pageMax = PAGE } = rows;
  const sql = `select ${[key, ...columns].join(', ')} from ${table}
    where ${owner} = ? and (?::uuid is null or ${key} > ?::uuid) order by ${key} limit ${pageMax}`;
  let after: string | null = null;
  do {
    const page: Record<string, unknown>[] = await em.fork().execute(sql, [userId, after, after]);
    yield* page;
    after = page.length < pageMax ? null : String(page.at(-1)?.[key]);
  } while (after !== null);
}

/** Sections of the export that are the rows of tables; those named in `erased` are deleted when the person is erased. */
export function registerTables(
  registry: PersonalDataRegistry,
  em: EntityManager,
  tables: Readonly<Record<string, UserRows>>,
  erased: readonly string[] = [],
): void {
  for (const [name, rows] of Object.entries(tables)) {
    const { table, owner = 'user_id' } = rows;
    registry.register({
      name,
      export: (userId) => rowsOfUser(em, rows, userId),
      ...(erased.includes(name) && {
        erase: async (userId: string) => void (await em.execute(`delete from ${table} where ${owner} = ?`, [userId])),
      }),
    });
  }
}
