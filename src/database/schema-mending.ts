import type { SchemaDescription, SchemaKind } from './schema-description.js';

/** One object that is not as the contract has it: `expected` is absent when it is too many, `found` when it is missing. */
export interface SchemaProblem {
  kind: SchemaKind;
  name: string;
  expected: string | undefined;
  found: string | undefined;
}

/** What puts `problem` right. Statements that lose rows are never proposed without saying so. */
export function mend(problem: SchemaProblem, contract: SchemaDescription): string {
  const { kind, name, expected } = problem;
  const [table, part] = name.split('.') as [string, string];
  switch (kind) {
    case 'settings':
      return `do $$ begin execute format('alter database %I set ${name} to ${expected}', current_database()); end $$;`;
    case 'extensions':
      return `create extension ${name};`;
    case 'enums':
      return mendEnum(problem);
    case 'tables':
      return mendTable(problem, contract);
    case 'columns':
      return mendColumn(problem);
    case 'keys':
    case 'checks':
    case 'foreignKeys':
      return replaceWith(problem, {
        drop: `alter table ${table} drop constraint ${part};`,
        make: `alter table ${table} add constraint ${part} ${expected};`,
      });
    case 'indexes':
      return mendIndex(problem, contract);
    case 'triggers':
      return replaceWith(problem, { drop: `drop trigger ${part} on ${table};`, make: `${expected};` });
    case 'views':
      return replaceWith(problem, { drop: `drop view ${name};`, make: `create view ${name} as ${expected}` });
    case 'functions':
      return mendFunction(problem);
  }
}

function replaceWith(problem: SchemaProblem, statements: { drop: string; make: string }): string {
  if (problem.found === undefined) return statements.make;
  if (problem.expected === undefined) return statements.drop;
  return `begin; ${statements.drop} ${statements.make}${statements.make.endsWith(';') ? '' : ';'} commit;`;
}

/** The labels of an enum's definition, as SQL literals. */
function labelsOf(definition: string | undefined): string[] {
  return definition?.match(/'(?:[^']|'')*'/g) ?? [];
}

function mendEnum({ name, expected, found }: SchemaProblem): string {
  if (found === undefined) return `create type ${name} as enum (${expected});`;
  if (expected === undefined) return `drop type ${name};`;
  const wanted = labelsOf(expected);
  const present = labelsOf(found);
  const additions = wanted.flatMap((label, position) => {
    if (present.includes(label)) return [];
    const place = position === 0 ? `before ${present[0]}` : `after ${wanted[position - 1]}`;
    return [`alter type ${name} add value ${label} ${place};`];
  });
  const surplus = present.filter((label) => !wanted.includes(label));
  const removal = `PostgreSQL cannot take a label away or move it (${surplus.join(', ') || 'their order is wrong'}): rename the type, create it as enum (${expected}), alter its columns to the new one, then drop the old.`;
  const isOrdered = wanted.filter((label) => present.includes(label)).join() === present.join();
  return [...additions, ...(isOrdered ? [] : [removal])].join(' ');
}

function mendTable({ name, expected, found }: SchemaProblem, contract: SchemaDescription): string {
  if (expected === undefined) return `If nobody needs what is in it: drop table ${name};`;
  if (found !== undefined && !expected.includes('partition by') && !found.includes('partition by')) {
    const fillFactor = /fillfactor=\d+/.exec(expected)?.[0];
    return `alter table ${name} ${fillFactor ? `set (${fillFactor})` : 'reset (fillfactor)'};`;
  }
  if (found !== undefined) return `Copy its rows to a table made anew: ${createTable(name, contract)}`;
  return `Restore it from a backup (docs/operations.md). An empty one: ${createTable(name, contract)}`;
}

/** The statements that make the table with all its parts, as the contract has them. */
function createTable(name: string, contract: SchemaDescription): string {
  const partsOf = (kind: SchemaKind): [string, string][] =>
    Object.entries(contract[kind]).flatMap(([key, definition]) =>
      key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), definition]] : [],
    );
  const columns = partsOf('columns').map(([column, definition]) => `${column} ${definition}`);
  const constraints = (['keys', 'checks', 'foreignKeys'] as const)
    .flatMap(partsOf)
    .map(([constraint, definition]) => `constraint ${constraint} ${definition}`);
  const options = contract.tables[name]!.replace(/^table ?/, '');
  const isPartitioned = options.startsWith('partition by');
  return [
    `create table ${name} (${[...columns, ...constraints].join(', ')})${options && ` ${options}`};`,
    ...[...partsOf('indexes'), ...partsOf('triggers')].map(([, definition]) => `${definition};`),
    ...(isPartitioned ? [`select tollgate.add_partition('${name}', null);`] : []),
  ].join(' ');
}

function mendColumn({ name, expected, found }: SchemaProblem): string {
  const [table, column] = name.split('.') as [string, string];
  if (expected === undefined) return `If nobody needs what is in it: alter table ${table} drop column ${column};`;
  if (found === undefined) return `alter table ${table} add column ${column} ${expected};`;
  const wanted = parseColumn(expected);
  const present = parseColumn(found);
  if (wanted.generated !== present.generated)
    return `alter table ${table} drop column ${column}, add column ${column} ${expected};`;
  const changes = [
    wanted.type !== present.type && `type ${wanted.type} using ${column}::${wanted.type}`,
    wanted.value !== present.value && (wanted.value ? `set default ${wanted.value}` : 'drop default'),
    wanted.isRequired !== present.isRequired && (wanted.isRequired ? 'set not null' : 'drop not null'),
  ].filter(Boolean);
  return `alter table ${table} ${changes.map((change) => `alter column ${column} ${change}`).join(', ')};`;
}

function parseColumn(definition: string) {
  const [, type, required, value, generated] =
    /^(.+?)( not null)?(?: default (.+)| generated always as (.+))?$/.exec(definition) ?? [];
  return { type, isRequired: required !== undefined, value, generated };
}

/** Without blocking writers where PostgreSQL can: not on a partitioned table. */
function mendIndex(problem: SchemaProblem, contract: SchemaDescription): string {
  const { name, expected, found } = problem;
  const [table, index] = name.split('.') as [string, string];
  const isPartitioned = contract.tables[table]!.includes('partition by');
  const drop = `drop index ${isPartitioned ? '' : 'concurrently '}${index};`;
  const make = `${isPartitioned ? expected : expected?.replace(/ INDEX /, ' INDEX CONCURRENTLY ')};`;
  if (expected === undefined) return `If nobody needs it (it slows every write): ${drop}`;
  return found === undefined ? make : `${drop} ${make}`;
}

function mendFunction({ name, expected }: SchemaProblem): string {
  if (expected === undefined) return `drop function ${name};`;
  return `Its text is in the newest file of migrations/ that creates ${name.split('(')[0]}: run that statement as "create or replace function".`;
}
