/** A step of a plan in the JSON of EXPLAIN ANALYZE, as far as it is judged. */
export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  /** 0 for what was never run, such as the partitions that are ruled out while it runs. */
  'Actual Loops'?: number;
  /** Of each loop. */
  'Actual Rows'?: number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** What a plan has read of one table. */
export interface Scan {
  table: string;
  /** Empty where the table was read whole. */
  indexes: string[];
  rows: number;
}

/** What there is in the database. */
export interface Catalogue {
  /** The table that a partition is of. */
  parents: ReadonlyMap<string, string>;
  /** The index of that table which an index of a partition is a part of. */
  parentIndexes: ReadonlyMap<string, string>;
  /** By the name of the table or partition. */
  rowCounts: ReadonlyMap<string, number>;
}

export interface PlanRule {
  /** Tables that may not be read whole. */
  hotTables: readonly string[];
  /** Of these one has to be used, if there are any; an index of a partitioned table is met by those of its partitions. */
  indexes: readonly string[];
  /** The time that is asked for; null for all of it. */
  range: { from: Date; to: Date } | null;
}

/** Fewer rows than this are read whole with a good reason: they lie on a few pages. */
const SMALL_ROWS = 1_000;
const MONTH = /_(\d{4})_(\d{2})$/;

/** Every table that the plan has read. */
export function scansOf(node: PlanNode): Scan[] {
  const below = (node.Plans ?? []).flatMap(scansOf);
  const table = node['Relation Name'];
  const loops = node['Actual Loops'] ?? 0;
  if (table === undefined || loops === 0 || !node['Node Type'].endsWith('Scan')) return below;
  const rows =
    (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return [{ table, indexes: indexesOf(node), rows: rows * loops }, ...below];
}

/** A scan by bitmap has its indexes in the steps below it. */
function indexesOf(node: PlanNode): string[] {
  const own = node['Index Name'] === undefined ? [] : [node['Index Name']];
  const isBitmap = (child: PlanNode): boolean => child['Node Type'].startsWith('Bitmap') && !child['Relation Name'];
  return [...own, ...(node.Plans ?? []).filter(isBitmap).flatMap(indexesOf)];
}

/** What the plans of one question do against its rule, in words. Empty when they keep it. */
export function planFaults(plans: readonly PlanNode[], rule: PlanRule, catalogue: Catalogue): string[] {
  const scans = plans.flatMap(scansOf);
  const tableOf = (name: string): string => catalogue.parents.get(name) ?? name;
  const hot = scans.filter(({ table }) => rule.hotTables.includes(tableOf(table)));
  const whole = hot.filter(
    ({ table, indexes }) => indexes.length === 0 && (catalogue.rowCounts.get(table) ?? 0) >= SMALL_ROWS,
  );
  const outside = hot.filter(({ table }) => catalogue.parents.has(table) && isOutside(table, rule.range));
  const used = new Set(scans.flatMap(({ indexes }) => indexes.map((one) => catalogue.parentIndexes.get(one) ?? one)));
  return [
    ...unique(whole).map((table) => `reads ${table} whole`),
    ...unique(outside).map((table) => `reads ${table}, which is not of the time asked for`),
    ...(rule.indexes.length === 0 || rule.indexes.some((index) => used.has(index))
      ? []
      : [`does not use ${rule.indexes.join(' or ')} but ${[...used].toSorted().join(', ') || 'no index'}`]),
  ];
}

/** Whether the partition's month has no moment of the range. The partition without a month takes what no month takes. */
function isOutside(partition: string, range: PlanRule['range']): boolean {
  const [, year, month] = MONTH.exec(partition) ?? [];
  if (range === null || year === undefined) return false;
  const firstOf = (monthNumber: number): Date => new Date(Date.UTC(Number(year), monthNumber - 1, 1));
  return firstOf(Number(month) + 1) <= range.from || firstOf(Number(month)) >= range.to;
}

function unique(scans: readonly Scan[]): string[] {
  return [...new Set(scans.map(({ table }) => table))].toSorted();
}
