import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';
import type { CostUnit } from '../models/domain/older-model.js';
import { OlderImportService, type ImportJournal, type RowReport } from '../models/older/older-import.service.js';
import { readOlderTable } from '../models/older/older-table.js';
import { note, runCommand, say, type CommandContext } from './run-command.js';

const USAGE = `Usage: npm run import:models -- --from <url> [--dry-run] [--skip-refused] [--cost-unit thousandths|usd]
       npm run import:models -- --undo <journal>

Reads the table models of another database, in which display name, capabilities, limits, prices and tiers are columns of their own, and
folds them into meta. Reports every row, and reads back afterwards what was written: exit code 1 when a row was refused or lost a value.

  --dry-run       only reports
  --skip-refused  writes the other rows although some are refused; otherwise nothing is written then
  --cost-unit     how the table writes costs per million tokens: thousandths of a USD (the default), or USD
  --undo          takes an import back, from the journal that it has written`;

await runCommand({
  usage: USAGE,
  options: {
    from: { type: 'string' },
    'dry-run': { type: 'boolean' },
    'skip-refused': { type: 'boolean' },
    'cost-unit': { type: 'string' },
    undo: { type: 'string' },
  },
  isPrepared: true,
  run: async (context) => {
    const { from, undo } = context.options;
    if (typeof undo === 'string') return takeBack(context, undo);
    if (typeof from === 'string') return importFrom(context, from);
    throw new OperatorError(USAGE);
  },
});

async function importFrom({ app, config, options }: CommandContext, from: string): Promise<number> {
  const service = app.get(OlderImportService);
  const costUnit = unitOf(options['cost-unit']);
  const rows = await readOlderTable(from);
  const planned = await service.plan(rows, costUnit);
  const refused = planned.filter(({ action }) => action === 'refused');
  planned.forEach(report);
  note(summary(planned));
  if (options['dry-run']) return refused.length > 0 ? 1 : 0;
  if (refused.length > 0 && !options['skip-refused']) {
    note('Nothing was written. Mend the rows above, or leave them out with --skip-refused.');
    return 1;
  }
  const folder = join(config.dataDir, 'imports');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `models-${new Date().toISOString().replaceAll(':', '-')}.json`);
  await service.import(rows, costUnit, (journal) => writeFileSync(path, JSON.stringify(journal)));
  const skipped = new Set(refused.map(({ id }) => id));
  const lost = await service.verify(
    rows.filter((row) => !skipped.has(String(row['id']))),
    costUnit,
  );
  for (const { id, lost: columns } of lost) say(`${id}: LOST ${columns.join(', ')}`);
  note(lost.length === 0 ? 'Read back: nothing was lost.' : `Read back: ${lost.length} rows lost something.`);
  note(`To take it back: npm run import:models -- --undo ${path}`);
  return lost.length > 0 || refused.length > 0 ? 1 : 0;
}

async function takeBack({ app }: CommandContext, path: string): Promise<number> {
  const { restored, archived, changedSince } = await app.get(OlderImportService).undo(readJournal(path));
  note(`${restored.length} restored, ${archived.length} archived, ${changedSince.length} left as they are.`);
  for (const id of changedSince) say(`${id}: was changed since the import`);
  return changedSince.length > 0 ? 1 : 0;
}

function readJournal(path: string): ImportJournal {
  try {
    const journal = JSON.parse(readFileSync(path, 'utf8')) as ImportJournal;
    if (journal.version === 1 && Array.isArray(journal.models)) return journal;
  } catch (error) {
    throw new OperatorError(`The journal ${path} could not be read: ${(error as Error).message}`, { cause: error });
  }
  throw new OperatorError(`${path} is no journal of an import.`);
}

function unitOf(text: string | boolean | undefined): CostUnit {
  if (text === undefined || text === 'thousandths') return 'thousandths';
  if (text === 'usd') return 'usd';
  throw new OperatorError('--cost-unit must be thousandths or usd');
}

function report({ id, action, errors, notes }: RowReport): void {
  const faults = errors.map(({ field, message }) => `${field} ${message}`);
  say([`${id}: ${action}`, ...faults, ...notes].join('; '));
}

function summary(reports: readonly RowReport[]): string {
  const count = (action: RowReport['action']): string =>
    `${reports.filter((one) => one.action === action).length} ${action}`;
  return [count('create'), count('update'), count('unchanged'), count('refused')].join(', ');
}
