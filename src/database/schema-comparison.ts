import { mend, type SchemaProblem } from './schema-mending.js';
import { SCHEMA_KINDS, type SchemaDescription, type SchemaKind } from './schema-description.js';

/** One thing that is not as it should be, in words for the person who has to put it right. */
export interface Finding {
  kind: string;
  subject: string;
  problem: 'missing' | 'extra' | 'different' | 'unreachable' | 'pending' | 'unknown';
  message: string;
  /** What puts it right: statements for psql, or a sentence. */
  mend: string;
}

const WORDS: Record<SchemaKind, string> = {
  settings: 'database setting',
  extensions: 'extension',
  enums: 'enum',
  tables: 'table',
  columns: 'column',
  keys: 'key',
  checks: 'check',
  foreignKeys: 'foreign key',
  indexes: 'index',
  triggers: 'trigger',
  views: 'view',
  functions: 'function',
};

/** The parts of a table; a table that is missing or too many is told once, not again for each of them. */
const PARTS_OF_TABLES: readonly SchemaKind[] = ['columns', 'keys', 'checks', 'foreignKeys', 'indexes', 'triggers'];
/** An operator may add these at will. */
const MAY_BE_EXTRA: readonly SchemaKind[] = ['extensions', 'settings'];

/** What `actual` lacks of `contract`, has beyond it, and has otherwise. Nothing when they are the same. */
export function compareSchemas(contract: SchemaDescription, actual: SchemaDescription): Finding[] {
  return SCHEMA_KINDS.flatMap((kind) => {
    const names = [...new Set([...Object.keys(contract[kind]), ...Object.keys(actual[kind])])].toSorted();
    return names.flatMap((name) => {
      const expected = contract[kind][name];
      const found = actual[kind][name];
      if (expected === found || isToldByTable(kind, name, contract, actual)) return [];
      if (expected === undefined && MAY_BE_EXTRA.includes(kind)) return [];
      return [toFinding({ kind, name, expected, found }, contract)];
    });
  });
}

function isToldByTable(
  kind: SchemaKind,
  name: string,
  contract: SchemaDescription,
  actual: SchemaDescription,
): boolean {
  const table = name.split('.')[0]!;
  return PARTS_OF_TABLES.includes(kind) && !(contract.tables[table] && actual.tables[table]);
}

function toFinding(problem: SchemaProblem, contract: SchemaDescription): Finding {
  const { kind, name, expected, found } = problem;
  const subject = `${WORDS[kind]} ${name}`;
  const shared = { kind: WORDS[kind], subject: name, mend: mend(problem, contract) };
  if (found === undefined) return { ...shared, problem: 'missing', message: `The ${subject} is missing.` };
  if (expected === undefined)
    return { ...shared, problem: 'extra', message: `The ${subject} is not in the contract: ${found}` };
  return { ...shared, problem: 'different', message: `The ${subject} is "${found}", and should be "${expected}".` };
}
