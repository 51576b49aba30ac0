/** An index as PostgreSQL counts it; the partitions of a table are one. */
export interface IndexUsage {
  name: string;
  table: string;
  /** Columns in their order; null where one is an expression. */
  columns: readonly (string | null)[];
  isUnique: boolean;
  isPartial: boolean;
  isValid: boolean;
  /** btree, gin, brin … */
  method: string;
  scans: number;
  bytes: number;
}

/** A table as PostgreSQL counts it; its partitions are one. */
export interface TableUsage {
  name: string;
  isPartitioned: boolean;
  rows: number;
  sequentialScans: number;
  sequentialRows: number;
  indexScans: number;
}

export interface ForeignKey {
  table: string;
  columns: readonly string[];
}

/** A normalised statement: its values are `$n`. */
export interface Statement {
  text: string;
  totalMs: number;
}

export interface IndexFacts {
  tables: readonly TableUsage[];
  indexes: readonly IndexUsage[];
  foreignKeys: readonly ForeignKey[];
  /** Column names by table. */
  columns: ReadonlyMap<string, readonly string[]>;
  /** The statements that take most time; empty where they cannot be seen. */
  statements: readonly Statement[];
  /** Since when it was counted, in days; null where nobody knows. */
  countedDays: number | null;
}

export interface Advice {
  kind: 'invalid' | 'duplicate' | 'unused' | 'missing';
  table: string;
  index: string | null;
  /** What to run, in psql and outside a transaction. */
  statement: string;
  reason: string;
}

/** What is smaller costs next to nothing. */
const UNUSED_BYTES_MIN = 1_048_576;
/** Reports and sweeps of a month's end come within it. */
const UNUSED_DAYS_MIN = 31;
/** Below this a table is read from end to end faster than by an index. */
export const LARGE_ROWS = 10_000;
/** Once in a while everything is read on purpose: a dump, a reconciliation. */
const SCANS_MIN = 10;

/** What to do about indexes, the gravest first. It looks at counts alone: whoever follows it looks at a plan first. */
export function adviseIndexes(facts: IndexFacts): Advice[] {
  return [
    ...invalid(facts),
    ...missingForForeignKeys(facts),
    ...missingForScans(facts),
    ...duplicates(facts),
    ...unused(facts),
  ];
}

function invalid({ indexes }: IndexFacts): Advice[] {
  return indexes
    .filter(({ isValid }) => !isValid)
    .map(({ name, table }) => ({
      kind: 'invalid' as const,
      table,
      index: name,
      statement: `reindex index concurrently ${name};`,
      reason: 'It was left half made: it costs every write and serves no question.',
    }));
}

function missingForForeignKeys({ foreignKeys, indexes, tables }: IndexFacts): Advice[] {
  return foreignKeys
    .filter(
      ({ table, columns }) =>
        !indexes.some((index) => index.table === table && !index.isPartial && leads(index, columns)),
    )
    .map(({ table, columns }) => ({
      kind: 'missing' as const,
      table,
      index: null,
      statement: createStatement(table, columns, tables),
      reason: `Deleting what ${columns.join(', ')} points to reads all of ${table}.`,
    }));
}

/** Large tables that are read from end to end again and again, and the columns that statements look for in them. */
function missingForScans({ tables, indexes, columns, statements }: IndexFacts): Advice[] {
  return tables.filter(isScanned).flatMap((table) => {
    const known = columns.get(table.name) ?? [];
    const leading = new Set(indexes.filter((index) => index.table === table.name).map((index) => index.columns[0]));
    const asking = statements.filter(({ text }) => new RegExp(`\\b${table.name}\\b`).test(text));
    const wanted = asking.flatMap(({ text, totalMs }) =>
      comparedColumns(text)
        .filter((column) => known.includes(column) && !leading.has(column))
        .map((column) => ({ column, totalMs })),
    );
    const found = [
      ...new Set(wanted.toSorted((one, other) => other.totalMs - one.totalMs).map(({ column }) => column)),
    ];
    const { name, sequentialScans } = table;
    const seen = `${name} was read from end to end ${sequentialScans} times, ${rowsPerScan(table)} rows each time`;
    if (found.length === 0)
      return [
        {
          kind: 'missing' as const,
          table: name,
          index: null,
          statement: `select calls, query from pg_stat_statements where query ~ '\\y${name}\\y' order by total_exec_time desc limit 5;`,
          reason: `${seen}, and no statement that can be seen looks for a column without an index: see which do it, and explain them.`,
        },
      ];
    return found.map((column) => ({
      kind: 'missing' as const,
      table: name,
      index: null,
      statement: createStatement(name, [column], tables),
      reason: `${seen}; statements look for ${column}, which no index begins with.`,
    }));
  });
}

function duplicates({ indexes }: IndexFacts): Advice[] {
  return indexes.flatMap((index) => {
    if (index.isUnique || index.isPartial || index.columns.includes(null)) return [];
    const wider = indexes.find(
      (other) =>
        other !== index &&
        other.table === index.table &&
        other.method === index.method &&
        !other.isPartial &&
        leads(other, index.columns) &&
        // Of two that are the same, the later by name goes.
        (other.columns.length > index.columns.length || other.isUnique || other.name < index.name),
    );
    if (!wider) return [];
    return [
      {
        kind: 'duplicate' as const,
        table: index.table,
        index: index.name,
        statement: dropStatement(index),
        reason: `${wider.name} begins with the same columns and serves the same questions. ${OWN_INDEX}`,
      },
    ];
  });
}

function unused(facts: IndexFacts): Advice[] {
  const { indexes, foreignKeys, countedDays } = facts;
  if (countedDays === null || countedDays < UNUSED_DAYS_MIN) return [];
  return indexes
    .filter((index) => index.isValid && !index.isUnique && index.scans === 0 && index.bytes >= UNUSED_BYTES_MIN)
    .filter((index) => !foreignKeys.some((key) => key.table === index.table && leads(index, key.columns)))
    .map((index) => ({
      kind: 'unused' as const,
      table: index.table,
      index: index.name,
      statement: dropStatement(index),
      reason: `Nothing has read it in ${Math.floor(countedDays)} days, and it takes ${Math.round(index.bytes / UNUSED_BYTES_MIN)} MB and a write per row. ${OWN_INDEX}`,
    }));
}

const OWN_INDEX = 'If npm run db:verify then misses it, it is one of the product: make it again and report it.';

/** Whether an index begins with the columns, in their order. */
function leads(index: IndexUsage, columns: readonly (string | null)[]): boolean {
  return index.isValid && columns.every((column, position) => index.columns[position] === column);
}

/** Whether a table that should be read by its indexes is not: what the alert and the advice call scanned. */
export function isScanned(table: TableUsage): boolean {
  return table.rows >= LARGE_ROWS && table.sequentialScans >= SCANS_MIN && rowsPerScan(table) >= LARGE_ROWS;
}

export function rowsPerScan({
  sequentialScans,
  sequentialRows,
}: Pick<TableUsage, 'sequentialScans' | 'sequentialRows'>): number {
  return sequentialScans === 0 ? 0 : Math.round(sequentialRows / sequentialScans);
}

/** The columns that a normalised statement compares with a value. */
function comparedColumns(text: string): string[] {
  return [...text.matchAll(/"?(\w+)"?\s*(?:=|<=|>=|<|>|in\s*\()\s*\$\d/gi)].map((match) => match[1]!.toLowerCase());
}

function createStatement(table: string, columns: readonly string[], tables: readonly TableUsage[]): string {
  const name = `idx_${table}_${columns.join('_')}`;
  const target = `${table} (${columns.join(', ')})`;
  const isPartitioned = tables.some((one) => one.name === table && one.isPartitioned);
  return isPartitioned
    ? `create index ${name} on only ${target}; -- then concurrently on each partition, and attach: docs/operations.md`
    : `create index concurrently ${name} on ${target};`;
}

function dropStatement({ name }: IndexUsage): string {
  return `drop index concurrently ${name};`;
}
