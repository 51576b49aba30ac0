import { MikroORM } from '@mikro-orm/postgresql';
import { runCommand, say } from './run-command.js';

await runCommand({
  usage: 'Usage: npm run migrate:down\n\nTakes back the newest migration.',
  async run({ app }) {
    const [undone] = await app.get<MikroORM>(MikroORM).migrator.down();
    say(undone ? `Took back ${undone.name}.` : 'There is no migration to take back.');
  },
});
