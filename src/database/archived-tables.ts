/**
 * Tables by month that are kept for ever. Beside each, `<table>_archive` has its old months, and the view `<table>_all` is both: what reads
 * them reads the view, what writes writes the table.
 */
export const ARCHIVED_TABLES = ['token_usage_ledger', 'credit_postings', 'audit_trail'] as const;

/** Where a table's old months are. */
export const archiveOf = (table: string): string => `${table}_archive`;

/** Archives and views have no entities: nothing is made of their rows that is not made of the tables'. */
export const WITHOUT_ENTITY = {
  skipTables: ARCHIVED_TABLES.map(archiveOf),
  skipViews: ARCHIVED_TABLES.map((table) => `${table}_all`),
};
