import { ReconciliationService } from '../usage/reconciliation.service.js';
import { note, runCommand, say } from './run-command.js';

await runCommand({
  usage:
    'Usage: npm run reconcile\n\nChecks every credit invariant over all accounts. Exit code 1 and the offenders by name when one is broken.',
  isPrepared: true,
  async run({ app }) {
    const report = await app.get(ReconciliationService).run();
    for (const check of report.checks) {
      note(`${check.isBroken ? 'BROKEN' : 'ok    '}  ${check.name}`);
      for (const { userId, subject, detail } of check.offenders)
        say(`${check.name}: ${subject}${userId ? ` of user ${userId}` : ''}: ${detail}`);
    }
    say(
      report.isBalanced
        ? `The books balance (${report.checks.length} checks).`
        : 'The books do not balance: see above.',
    );
    return report.isBalanced ? 0 : 1;
  },
});
