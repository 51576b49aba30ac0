import type { ReconciliationProgress } from '../usage/reconciliation-checks.js';
import { ReconciliationService } from '../usage/reconciliation.service.js';
import { note, runCommand, say } from './run-command.js';

/** A check over many rows is silent for long; a sign of life this often tells it from one that hangs. */
const SIGN_OF_LIFE_MS = 10_000;

/** Prints each check when it ends, and how long it runs while it does. */
class Progress {
  private timer: NodeJS.Timeout | undefined;

  readonly show = ({ name, index, count, result }: ReconciliationProgress): void => {
    clearInterval(this.timer);
    if (!result) {
      const began = performance.now();
      const elapsed = (): string => `${((performance.now() - began) / 1_000).toFixed(1)} s`;
      this.end = () => elapsed();
      this.timer = setInterval(
        () => note(`…       check ${index} of ${count}  ${name}  runs for ${elapsed()}`),
        SIGN_OF_LIFE_MS,
      );
      return;
    }
    note(`${result.isBroken ? 'BROKEN' : 'ok    '}  check ${index} of ${count}  ${name}  ${this.end()}`);
  };

  stop(): void {
    clearInterval(this.timer);
  }

  private end = (): string => '';
}

await runCommand({
  usage:
    'Usage: npm run reconcile\n\nChecks every credit invariant over all accounts. Exit code 1 and the offenders by name when one is broken.',
  isPrepared: true,
  async run({ app }) {
    const progress = new Progress();
    try {
      const report = await app.get(ReconciliationService).run({ onProgress: progress.show });
      for (const check of report.checks) {
        for (const { userId, subject, detail } of check.offenders)
          say(`${check.name}: ${subject}${userId ? ` of user ${userId}` : ''}: ${detail}`);
      }
      say(
        report.isBalanced
          ? `The books balance (${report.checks.length} checks).`
          : 'The books do not balance: see above.',
      );
      return report.isBalanced ? 0 : 1;
    } finally {
      progress.stop();
    }
  },
});
