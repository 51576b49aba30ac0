import { withMaintenanceOrm } from '../database/maintenance-orm.js';
import { withMigrationLock } from '../prepare-database.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage: 'Usage: npm run migrate\n\nApplies every pending migration.',
  async run({ config }) {
    const done = await withMigrationLock(config, note, () => withMaintenanceOrm(config, (orm) => orm.migrator.up()));
    for (const { name } of done) note(`applied ${name}`);
    say(done.length === 0 ? 'The database is up to date.' : `Applied ${done.length} migrations.`);
  },
});
