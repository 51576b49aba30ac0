import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { JobFailureService } from '../jobs/job-failure.service.js';
import type { JobRun } from '../jobs/job-run.entity.js';
import { JobRegistry, type JobSummary } from '../jobs/job-registry.js';
import { Metrics } from '../monitoring/metrics.js';
import { CHECK_NAMES, type ReconciliationResult } from './reconciliation-checks.js';
import { ReconciliationService } from './reconciliation.service.js';

const JOB = 'reconciliation';
/** At night, and not at the full hour, when everything else runs. */
const CRON = '17 3 * * *';
/** Of a broken check as many are kept with its failure; `npm run reconcile` names the others. */
const KEPT_OFFENDERS_MAX = 20;

/** Proves every night that the books balance, and raises the alarm when they do not. */
@Injectable()
export class ReconciliationJob implements OnModuleInit {
  private readonly logger = new Logger(ReconciliationJob.name);

  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: JOB, cron: CRON, run: (now, signal) => this.run(now, signal) });
    this.failures.onRetry(JOB, ({ entityId }) => this.checkAgain(entityId));
    this.showLastRun();
  }

  /** Counts the checks, the offenders found, and those of each broken check by its name. */
  private async run(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const { checks } = await this.reconciliation.run({ signal });
    const broken = checks.filter((check) => check.isBroken);
    for (const check of checks) {
      if (check.isBroken) await this.report(check, now);
      else await this.failures.resolve(JOB, 'check', check.name, now);
    }
    if (broken.length > 0) {
      const names = broken.map((check) => check.name);
      this.logger.error({ checks: names }, `the books do not balance: ${names.join(', ')}`);
    }
    const counts = Object.fromEntries(broken.map((check) => [check.name, check.offenders.length]));
    return {
      checks: checks.length,
      offenders: broken.reduce((sum, check) => sum + check.offenders.length, 0),
      ...counts,
    };
  }

  private report(check: ReconciliationResult, now: Date): Promise<void> {
    const offenders = check.offenders.slice(0, KEPT_OFFENDERS_MAX);
    return this.failures.record(
      { job: JOB, entity: 'check', entityId: check.name, payload: { offenders }, reason: reasonOf(check) },
      now,
    );
  }

  private async checkAgain(name: string): Promise<void> {
    const { checks } = await this.reconciliation.run({ only: name });
    const broken = checks.find((check) => check.isBroken);
    if (broken) throw new Error(reasonOf(broken));
  }

  /** Read from the last run on any replica, so that all replicas show the same, also after a restart. */
  private showLastRun(): void {
    this.show('balanced', 'Whether the last reconciliation found the books in balance', (gauge, run) =>
      gauge.set(run.summary['offenders'] === 0 ? 1 : 0),
    );
    this.show('last_run_timestamp_seconds', 'When the last reconciliation ended', (gauge, run) =>
      gauge.set(run.finishedAt.getTime() / 1_000),
    );
    this.show(
      'offenders',
      'Rows that broke a check in the last reconciliation, at most 100 of each',
      (gauge, run) => CHECK_NAMES.forEach((check) => gauge.set({ check }, run.summary[check] ?? 0)),
      ['check'],
    );
  }

  /** A gauge that is missing where the last run failed, or never was: an old figure would say that all is well. */
  private show(name: string, help: string, set: (gauge: Gauge, run: JobRun) => void, labelNames: string[] = []): void {
    const read = (gauge: Gauge): Promise<void> =>
      this.metrics.orNothing(gauge, async () => {
        const last = (await this.jobs.lastRuns()).get(JOB);
        if (last?.outcome === 'completed') set(gauge, last);
      });
    new Gauge({
      name: `tollgate_reconciliation_${name}`,
      help,
      labelNames,
      registers: [this.metrics.registry],
      collect() {
        return read(this);
      },
    });
  }
}

function reasonOf({ offenders }: ReconciliationResult): string {
  const [first] = offenders;
  const count = offenders.length === 1 ? '1 offender' : `${offenders.length} offenders`;
  return `${count}, first ${first?.subject}${first?.userId ? ` of user ${first.userId}` : ''}: ${first?.detail}`;
}
