import { Clock } from '../common/clock.js';
import { verifyDatabase } from '../verify-database.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage: `Usage: npm run db:verify [-- --json]

Compares the database with what this version needs: connection, migrations, tables, columns, indexes, enums, foreign keys, triggers,
functions, partitions and seed rows. Changes nothing. Exit code 1 when something is missing, too many or different; each is printed with
what mends it. --json prints the report for scripts.`,
  options: { json: { type: 'boolean' } },
  async run({ app, config, options }) {
    const report = await verifyDatabase(config, app.get(Clock).now());
    if (options['json']) {
      say(JSON.stringify(report, null, 2));
    } else {
      for (const line of report.checked) note(line);
      for (const { message, mend } of report.findings) say(`${message}\n    mend: ${mend}`);
      const { length } = report.findings;
      say(
        report.isSound
          ? 'The database is as this version needs it.'
          : `${length} ${length === 1 ? 'finding' : 'findings'}: see above.`,
      );
    }
    return report.isSound ? 0 : 1;
  },
});
