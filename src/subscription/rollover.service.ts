import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { previewRollover } from '../credits/domain/rollover-preview.js';
import { JobFailureService } from '../jobs/job-failure.service.js';
import { JobRegistry, type JobSummary } from '../jobs/job-registry.js';
import { decideDue } from './domain/transitions.js';
import { type ClosedPeriod, PeriodCloseService } from './period-close.service.js';
import { type Plans, rolloverRuleOf } from './plan.service.js';
import { SubscriptionBooks } from './subscription-books.js';
import type { LiveSubscription } from './subscription.repository.js';

export const CLOSE_JOB = 'close-periods';
/** Accounts locked at once: a fifth of a second, which is how long a user's request may wait for it. */
const CHUNK_USERS_MAX = 500;
/** Chunks at once: while the database closes one, the terms of the next are computed. They have no account in common. */
const CHUNKS_IN_FLIGHT = 2;
/** Users that one look finds. All who are due are walked in the order in which their rows lie, which is what makes it fast. */
const SCAN_USERS_MAX = 20_000;
/** Before every user. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
/** Lines of a dry run that are shown; the sums are over all. */
const PREVIEW_LINES_MAX = 200;

/** Open failures that one run looks at again. */
const FAILURES_MAX = 200;

/** What a run did, in µcr. */
export interface RolloverTotals {
  closed: number;
  failed: number;
  leftUcr: bigint;
  carriedUcr: bigint;
  forfeitedUcr: bigint;
  grantedUcr: bigint;
}

export interface RolloverLine {
  userId: string;
  subscriptionId: string;
  periodIndex: number;
  leftUcr: bigint;
  carriedUcr: bigint;
  forfeitedUcr: bigint;
  allowanceUcr: bigint;
}

/** The close of everybody's due periods: by the job on every replica, by an operator, and as a dry run. */
@Injectable()
export class RolloverService implements OnModuleInit {
  private readonly logger = new Logger(RolloverService.name);

  constructor(
    private readonly books: SubscriptionBooks,
    private readonly periods: PeriodCloseService,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: CLOSE_JOB, cron: '* * * * *', run: (now, signal) => this.runJob(now, signal) });
    this.failures.onRetry(CLOSE_JOB, async ({ entityId: userId }, now) => {
      await this.periods.closeDue(userId, now);
    });
  }

  /**
   * Closes every period that is due at `now`, of each account in order. Accounts that are busy are left for the next run; one whose close
   * fails is written to the queue of failures with its reason and keeps nobody else waiting.
   */
  async run(now: Date, signal?: AbortSignal): Promise<RolloverTotals> {
    const totals = noTotals();
    for (;;) {
      const before = totals.closed;
      totals.failed = await this.closeAll({ now, signal }, totals);
      // Nothing moved: what is left is busy or at fault.
      if (signal?.aborted || totals.closed === before) break;
    }
    await this.resolveFailures(now);
    return totals;
  }

  /** Closes what is due of one account; a failure is the caller's. */
  async runOne(userId: string, now: Date): Promise<RolloverTotals> {
    const totals = noTotals();
    for (const one of await this.periods.closeDue(userId, now)) add(totals, one);
    return totals;
  }

  /** What `run` would do to the next period of each account that is due, by the same rules; `userId` looks at one account alone. Nothing is changed. */
  async preview(now: Date, userId?: string): Promise<{ totals: RolloverTotals; lines: RolloverLine[] }> {
    const terms = { plans: await this.books.plans.all(), now };
    const shown = { totals: noTotals(), lines: [] };
    if (userId !== undefined) {
      await this.previewChunk([userId], terms, shown);
      return shown;
    }
    let due: string[] = [];
    do {
      due = await this.books.allowances.findDue(now, due.at(-1) ?? NOBODY, SCAN_USERS_MAX);
      for (const chunk of chunksOf(due)) await this.previewChunk(chunk, terms, shown);
    } while (due.length === SCAN_USERS_MAX);
    return shown;
  }

  private async previewChunk(
    userIds: readonly string[],
    terms: { plans: Plans; now: Date },
    { totals, lines }: { totals: RolloverTotals; lines: RolloverLine[] },
  ): Promise<void> {
    const live = await this.books.rows.findLiveOf(userIds);
    const lefts = await this.books.allowances.leftOf(
      live.map(({ userId, id, periodIndex }) => ({ userId, subscriptionId: id, periodIndex })),
    );
    for (const [index, subscription] of live.entries()) {
      const line = previewLine(subscription, lefts[index] ?? 0n, terms);
      if (!line) continue;
      add(totals, line);
      if (lines.length < PREVIEW_LINES_MAX) lines.push(line);
    }
  }

  private async runJob(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const { closed, failed } = await this.run(now, signal);
    return { closed, failed };
  }

  /** A failure whose account is due no longer has been made good, by this run or by a request of the user. */
  private async resolveFailures(now: Date): Promise<void> {
    const { failures } = await this.failures.page({
      job: CLOSE_JOB,
      state: 'open',
      before: undefined,
      limit: FAILURES_MAX,
    });
    const stillDue = new Set(
      await this.books.allowances.dueOf(
        failures.map(({ entityId }) => entityId),
        now,
      ),
    );
    for (const { entityId } of failures) {
      if (!stillDue.has(entityId)) await this.failures.resolve(CLOSE_JOB, 'account', entityId, now);
    }
  }

  /** One step for everybody who is due. Returns how many accounts failed. */
  private async closeAll(run: { now: Date; signal: AbortSignal | undefined }, totals: RolloverTotals): Promise<number> {
    let failed = 0;
    let due: string[] = [];
    do {
      due = await this.books.allowances.findDue(run.now, due.at(-1) ?? NOBODY, SCAN_USERS_MAX);
      failed += await this.closeChunks(due, run, totals);
    } while (due.length === SCAN_USERS_MAX && !run.signal?.aborted);
    return failed;
  }

  /** Every chunk once. Returns how many accounts failed. */
  private async closeChunks(
    due: readonly string[],
    { now, signal }: { now: Date; signal: AbortSignal | undefined },
    totals: RolloverTotals,
  ): Promise<number> {
    let failed = 0;
    const chunks = chunksOf(due).values();
    const closeRest = async (): Promise<void> => {
      for (const chunk of chunks) {
        if (signal?.aborted) return;
        failed += await this.closeChunk(chunk, now, totals);
      }
    };
    await Promise.all(Array.from({ length: CHUNKS_IN_FLIGHT }, closeRest));
    return failed;
  }

  private async closeChunk(chunk: readonly string[], now: Date, totals: RolloverTotals): Promise<number> {
    try {
      const { closed } = await this.periods.closeNext(chunk, now, 'skip');
      for (const one of closed) add(totals, one);
      return 0;
    } catch (error) {
      this.logger.warn({ err: error, accounts: chunk.length }, 'closing periods together failed; now one by one');
      let failed = 0;
      for (const userId of chunk) failed += await this.closeAlone(userId, now, totals);
      return failed;
    }
  }

  private async closeAlone(userId: string, now: Date, totals: RolloverTotals): Promise<0 | 1> {
    try {
      const { closed } = await this.periods.closeNext([userId], now, 'skip');
      for (const one of closed) add(totals, one);
      return 0;
    } catch (error) {
      this.logger.error({ err: error, userId }, 'closing a period failed');
      const reason = error instanceof Error ? error.message : String(error);
      await this.failures.record({ job: CLOSE_JOB, entity: 'account', entityId: userId, reason }, now);
      return 1;
    }
  }
}

/** What the next close would do to what is left; null when nothing is due. */
function previewLine(
  subscription: LiveSubscription,
  leftUcr: bigint,
  { plans, now }: { plans: Plans; now: Date },
): RolloverLine | null {
  const decision = decideDue(subscription, now);
  if (!decision) return null;
  const { userId, id: subscriptionId, periodIndex } = subscription;
  const line = { userId, subscriptionId, periodIndex, leftUcr };
  if (decision.kind === 'end') return { ...line, carriedUcr: 0n, forfeitedUcr: leftUcr, allowanceUcr: 0n };
  const plan = plans[decision.tier];
  const rollover = previewRollover(leftUcr, rolloverRuleOf(plan), plan.monthlyCreditsUcr);
  return { ...line, ...rollover, allowanceUcr: plan.monthlyCreditsUcr };
}

function noTotals(): RolloverTotals {
  return { closed: 0, failed: 0, leftUcr: 0n, carriedUcr: 0n, forfeitedUcr: 0n, grantedUcr: 0n };
}

function add(
  totals: RolloverTotals,
  one: Pick<ClosedPeriod, 'leftUcr' | 'carriedUcr' | 'forfeitedUcr' | 'allowanceUcr'>,
): void {
  totals.closed += 1;
  totals.leftUcr += one.leftUcr;
  totals.carriedUcr += one.carriedUcr;
  totals.forfeitedUcr += one.forfeitedUcr;
  totals.grantedUcr += one.allowanceUcr;
}

function chunksOf(userIds: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(userIds.length / CHUNK_USERS_MAX) }, (_, index) =>
    userIds.slice(index * CHUNK_USERS_MAX, (index + 1) * CHUNK_USERS_MAX),
  );
}
