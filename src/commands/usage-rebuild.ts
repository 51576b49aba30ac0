import { Clock } from '../common/clock.js';
import { UsageRollupService } from '../usage/rollup/usage-rollup.service.js';
import { runCommand, say } from './run-command.js';

await runCommand({
  usage:
    'Usage: npm run usage:rebuild\n\nMakes the hourly sums of usage again from the ledger, in one transaction. Reports show the old ones until it is done.',
  isPrepared: true,
  async run({ app }) {
    const rows = await app.get(UsageRollupService).rebuild(app.get(Clock).now());
    say(`The hourly sums equal the ledger again: ${rows} rows.`);
  },
});
