import type { EntityManager } from '@mikro-orm/postgresql';
import { ARCHIVED_TABLES, archiveOf } from './archived-tables.js';
import type { Finding } from './schema-comparison.js';

interface PartitionRow {
  parent: string;
  /** Null for a parent that has none. */
  partition: string | null;
  isProtected: boolean;
}

/**
 * Each table that is partitioned by month has a partition for this month and the next `monthsAhead`, one for everything else, and none of
 * them can be truncated: a trigger on the parent does not stop that. An archive has the months that were moved there, and needs no others.
 */
export async function checkPartitions(em: EntityManager, now: Date, monthsAhead = 1): Promise<Finding[]> {
  const rows = await em.getConnection().execute<PartitionRow[]>(`
    select quote_ident(parent.relname) as parent, quote_ident(child.relname) as partition,
           not exists (select from pg_trigger t where t.tgrelid = parent.oid and t.tgtype & 32 <> 0)
             or exists (select from pg_trigger t where t.tgrelid = child.oid and t.tgtype & 32 <> 0 and t.tgenabled = 'O') as "isProtected"
      from pg_class parent
      left join pg_inherits i on i.inhparent = parent.oid
      left join pg_class child on child.oid = i.inhrelid
     where parent.relkind = 'p' and parent.relnamespace = 'public'::regnamespace
     order by 1, 2`);
  const archives = ARCHIVED_TABLES.map(archiveOf);
  const parents = [...new Set(rows.map(({ parent }) => parent))].filter((parent) => !archives.includes(parent));
  return [
    ...parents.flatMap((parent) => missingPartitions(parent, rows, monthsFrom(now, monthsAhead))),
    ...rows.flatMap(({ partition, isProtected }) => (partition && !isProtected ? [unprotected(partition)] : [])),
  ];
}

/** The first days of the month of `now` and of those after it. */
function monthsFrom(now: Date, monthsAhead: number): string[] {
  return Array.from({ length: monthsAhead + 1 }, (_, ahead) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).toISOString().slice(0, 10),
  );
}

function missingPartitions(parent: string, rows: PartitionRow[], months: string[]): Finding[] {
  const present = rows.filter((row) => row.parent === parent).map(({ partition }) => partition);
  const wanted = [
    ...months.map((day) => ({ suffix: day.slice(0, 7), argument: `'${day}'` })),
    { suffix: 'default', argument: 'null' },
  ];
  return wanted.flatMap(({ suffix, argument }) => {
    const name = `${parent}_${suffix.replace('-', '_')}`;
    if (present.includes(name)) return [];
    return [
      {
        kind: 'partition',
        subject: name,
        problem: 'missing' as const,
        message: `The partition ${name} is missing.`,
        mend: `select tollgate.add_partition('${parent}', ${argument});`,
      },
    ];
  });
}

function unprotected(partition: string): Finding {
  return {
    kind: 'trigger',
    subject: `${partition}.${partition}_no_truncate`,
    problem: 'missing',
    message: `Nothing keeps the partition ${partition} from being truncated.`,
    mend: `create or replace trigger ${partition}_no_truncate before truncate on ${partition} for each statement execute function tollgate.refuse_change();`,
  };
}
