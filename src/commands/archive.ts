import { Clock } from '../common/clock.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { MonthArchive, type MonthPlace, nameOf, type TableMonth } from '../jobs/archive/month-archive.service.js';
import { type CommandContext, note, runCommand, say } from './run-command.js';

/** As for `ARCHIVE_AFTER_MONTHS`. */
const MONTHS_MIN = 3;

const USAGE = `Usage: npm run archive -- [--months <count>] [--dry-run]
       npm run archive -- --restore <YYYY-MM> [--dry-run]

Moves old months of the usage ledger, the credit postings and the audit trail to their archives, where they stay readable and part of every
check (docs/usage.md). Requests go on meanwhile. Each month moves whole or not at all; what was interrupted is done by the next run.

  --months   full months that stay where they are, at least ${MONTHS_MIN}; ARCHIVE_AFTER_MONTHS without it
  --restore  brings a month back from the archive; the job takes it there again while ARCHIVE_AFTER_MONTHS says so
  --dry-run  only tells what would be moved`;

await runCommand({
  usage: USAGE,
  options: { months: { type: 'string' }, restore: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  isPrepared: true,
  run: (context) => (context.options['restore'] === undefined ? archiveOld(context) : restore(context)),
});

async function archiveOld(context: CommandContext): Promise<void> {
  const now = context.app.get(Clock).now();
  const months = await context.app.get(MonthArchive).due(now, monthsOf(context));
  await moveAll(context, months, 'archive');
}

async function restore(context: CommandContext): Promise<void> {
  const wanted = context.options['restore'];
  const archived = await context.app.get(MonthArchive).list('archive');
  const months = archived.filter(({ month }) => month === wanted);
  if (months.length === 0) {
    const present = [...new Set(archived.map(({ month }) => month))].join(', ') || 'none';
    throw new OperatorError(`"${String(wanted)}" is no month of the archive. There are: ${present}.`);
  }
  await moveAll(context, months, 'table');
}

async function moveAll({ app, options }: CommandContext, months: TableMonth[], to: MonthPlace): Promise<void> {
  const isDryRun = options['dry-run'] === true;
  const archive = app.get(MonthArchive);
  const cause = { now: app.get(Clock).now(), reason: 'npm run archive' };
  for (const [index, month] of months.entries()) {
    note(`${index + 1} of ${months.length}  ${nameOf(month)}`);
    const rows = isDryRun ? '' : `  ${await archive.move(month, to, cause)} rows`;
    say(`${nameOf(month)}${rows}  ${month.bytes} bytes`);
  }
  const way = to === 'archive' ? 'archived' : 'brought back';
  say(
    isDryRun
      ? `${months.length} partitions would be ${way}; nothing was moved.`
      : `${months.length} partitions ${way}.`,
  );
}

/** @throws OperatorError where neither the command nor the environment says it, or it is no such number */
function monthsOf({ config, options }: CommandContext): number {
  const given = options['months'];
  if (given === undefined && config.archiveAfterMonths !== null) return config.archiveAfterMonths;
  if (given === undefined)
    throw new OperatorError(`ARCHIVE_AFTER_MONTHS is not set: say how many stay with --months.\n\n${USAGE}`);
  if (typeof given !== 'string' || !/^\d{1,4}$/.test(given) || Number(given) < MONTHS_MIN)
    throw new OperatorError(`--months must be a whole number from ${MONTHS_MIN} on.`);
  return Number(given);
}
