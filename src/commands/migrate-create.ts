import { writeMigration } from '../database/migration-writer.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { note, runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run migrate:create -- --name <what_it_does>

Writes migrations/Migration<time>_<what_it_does>.ts with the difference between the database and the entities, or with nothing when there is
none. Foreign keys to higher modules, which the entities may not name, are left alone.`;

await runCommand({
  usage: USAGE,
  options: { name: { type: 'string' } },
  async run({ config, options }) {
    const { name } = options;
    if (typeof name !== 'string') throw new OperatorError(`--name is needed.\n\n${USAGE}`);
    const { fileName, isEmpty } = await writeMigration(config, { name });
    say(`migrations/${fileName}`);
    note(
      isEmpty
        ? 'Entities and database are the same: up and down are empty, for you to fill.'
        : 'Read it, give it its reason, and make down take back what up does.',
    );
    note('Then: npm run migrate && npm run db:contract && npm test -- migrations');
  },
});
