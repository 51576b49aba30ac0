import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';

/**
 * A worker on pg-boss that does nothing, in a process of its own: what the queue costs by itself. It takes as many jobs at once as one of this
 * server's workers, `singly` each with statements of its own, `together` all in one.
 */
const [connectionString, queue, manner, concurrencyText] = process.argv.slice(2) as [string, string, string, string];
const concurrency = Number(concurrencyText);
const PAUSE_MS = 20;

const boss = new PgBoss({ connectionString, schedule: false, supervise: false });
await boss.start();
await boss.createQueue(queue);
process.once('SIGTERM', () => process.exit());
process.stdout.write('works\n');
if (manner === 'together') {
  await boss.work(queue, { batchSize: concurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }, () =>
    Promise.resolve(),
  );
} else await Promise.all(Array.from({ length: concurrency }, work));

async function work(): Promise<void> {
  for (;;) {
    const [job] = await boss.fetch(queue);
    if (job) await boss.complete(queue, job);
    else await sleep(PAUSE_MS);
  }
}
