import { migrateAndSeedCatalogue } from '../prepare-database.js';
import { seedDevelopment } from '../../seeders/development.seed.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage:
    'Usage: npm run seed\n\nUpserts plans, clients and models; outside production also the development accounts. Safe to repeat.',
  async run({ app, config }) {
    await migrateAndSeedCatalogue(config, note);
    const accounts = config.isProduction ? [] : await seedDevelopment(app);
    for (const account of accounts) say(`${account.email}  ${account.password}  ${account.description} (shown once)`);
    say('Seeded.');
  },
});
