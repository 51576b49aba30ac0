import { withMaintenanceOrm } from '../database/maintenance-orm.js';
import { withMigrationLock } from '../prepare-database.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage: 'Usage: npm run migrate:down\n\nTakes back the newest migration.',
  async run({ config }) {
    const [undone] = await withMigrationLock(config, note, () =>
      withMaintenanceOrm(config, (orm) => orm.migrator.down()),
    );
    say(undone ? `Took back ${undone.name}.` : 'There is no migration to take back.');
  },
});
