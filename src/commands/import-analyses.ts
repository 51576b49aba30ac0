import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { OlderAnalysisImport, type OlderRowReport } from '../analysis/older/older-import.service.js';
import { readOlderAnalyses } from '../analysis/older/older-analyses.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { isUuid } from '../common/ids.js';
import { type CommandContext, note, runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run import:analyses -- --from <file or url> [--dry-run]
       npm run import:analyses -- --undo <journal>

Takes over finished analyses: JSON lines, or CSV with a header where the name ends in .csv, with the fields of this version or of older ones
(docs/analyses.md lists them). Reports every row; exit code 1 when one was refused. What is here already stays as it is.

  --dry-run  only reports
  --undo     deletes what an import has made, by the journal that it has written`;

await runCommand({
  usage: USAGE,
  options: { from: { type: 'string' }, 'dry-run': { type: 'boolean' }, undo: { type: 'string' } },
  isPrepared: true,
  run: async (context) => {
    const { from, undo } = context.options;
    if (typeof undo === 'string') return takeBack(context, undo);
    if (typeof from === 'string') return importFrom(context, from);
    throw new OperatorError(USAGE);
  },
});

async function importFrom({ app, config, options }: CommandContext, from: string): Promise<number> {
  const isDryRun = options['dry-run'] === true;
  const counts: Record<OlderRowReport['action'], number> = { create: 0, unchanged: 0, refused: 0 };
  const folder = join(config.dataDir, 'imports');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `analyses-${new Date().toISOString().replaceAll(':', '-')}.txt`);
  const journal = isDryRun ? null : createWriteStream(path);
  try {
    for await (const reports of app.get(OlderAnalysisImport).import(readOlderAnalyses(from), isDryRun)) {
      for (const { row, id, action, faults } of reports) {
        counts[action] += 1;
        say([`row ${row}`, id ?? 'no id', action, ...faults].join('; '));
        if (action === 'create') journal?.write(`${id}\n`);
      }
      note(
        `${reports.at(-1)?.row ?? 0} rows: ${counts.create} create, ${counts.unchanged} unchanged, ${counts.refused} refused`,
      );
    }
  } finally {
    // What was written before a source broke off can be taken back, too.
    if (journal) {
      await once(journal.end(), 'finish');
      note(`To take it back: npm run import:analyses -- --undo ${path}`);
    }
  }
  return counts.refused > 0 ? 1 : 0;
}

async function takeBack({ app }: CommandContext, path: string): Promise<void> {
  const ids = readJournal(path);
  const deleted = await app.get(OlderAnalysisImport).undo(ids);
  note(`${deleted} deleted, ${ids.length - deleted} were not there any more.`);
}

function readJournal(path: string): string[] {
  let ids: string[];
  try {
    ids = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    throw new OperatorError(`The journal ${path} could not be read: ${(error as Error).message}`, { cause: error });
  }
  if (ids.every(isUuid)) return ids;
  throw new OperatorError(`${path} is no journal of an import.`);
}
