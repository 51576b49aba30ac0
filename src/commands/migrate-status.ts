import { withMaintenanceOrm } from '../database/maintenance-orm.js';
import { readMigrationHistory } from '../database/migration-history.js';
import { note, runCommand, say } from './run-command.js';

const COLUMN_WIDTH = '2026-11-22 00:00:00Z'.length;

await runCommand({
  usage:
    'Usage: npm run migrate:status\n\nLists the migrations: applied and when (UTC), applied by a newer version, pending.',
  async run({ config }) {
    const { applied, pending, unknown } = await withMaintenanceOrm(config, readMigrationHistory);
    for (const { name, executedAt } of applied) {
      const at = `${executedAt.toISOString().slice(0, 19).replace('T', ' ')}Z`;
      say(`${at}  ${name}${unknown.includes(name) ? '  (by a newer version)' : ''}`);
    }
    for (const name of pending) say(`${'pending'.padEnd(COLUMN_WIDTH)}  ${name}`);
    const newer = unknown.length > 0 ? `, of which this version does not know ${unknown.length}` : '';
    note(
      `${applied.length} applied${newer}; ${pending.length} pending${pending.length > 0 ? ': npm run migrate' : ''}.`,
    );
  },
});
