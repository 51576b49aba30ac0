import { seedDevelopment } from '../../seeders/development.seed.js';
import { withMaintenanceOrm } from '../database/maintenance-orm.js';
import { migrateAndSeedCatalogue } from '../prepare-database.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage:
    'Usage: npm run db:reset [-- --force]\n\nEmpties the database and seeds it again. Everything in it is lost. In production it needs --force.',
  options: { force: { type: 'boolean' } },
  async run({ app, config, options }) {
    if (config.isProduction && !options['force']) {
      note('This is production: nothing was changed. If every user, credit and usage row may go, add: -- --force');
      return 1;
    }
    // Without the time limit of requests: a large database takes longer, and so do those who still read it.
    await withMaintenanceOrm(config, (orm) =>
      orm.em
        .getConnection()
        .execute('drop schema public cascade; drop schema if exists tollgate cascade; create schema public'),
    );
    await migrateAndSeedCatalogue(config, note);
    for (const account of config.isProduction ? [] : await seedDevelopment(app)) {
      say(`${account.email}  ${account.password}  ${account.description} (shown once)`);
    }
    say('The database is empty and seeded again.');
    return 0;
  },
});
