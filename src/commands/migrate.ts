import { MikroORM } from '@mikro-orm/postgresql';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage: 'Usage: npm run migrate\n\nApplies every pending migration.',
  async run({ app }) {
    const done = await app.get<MikroORM>(MikroORM).migrator.up();
    for (const { name } of done) note(`applied ${name}`);
    say(done.length === 0 ? 'The database is up to date.' : `Applied ${done.length} migrations.`);
  },
});
