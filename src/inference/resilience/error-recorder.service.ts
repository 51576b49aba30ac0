import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import type { AppError } from '../../common/errors/app-error.js';
import { newId } from '../../common/ids.js';
import { ProviderFailedError, ProviderTimeoutError } from '../inference.errors.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Of one process: an outage is told by its first failures, and counted by all of them. */
const LOGS_PER_MINUTE = 30;

export interface FailedCall {
  provider: string;
  modelId: string;
  requestId: string;
  /** The analysis that it keeps waiting, where it is one's. */
  analysisId?: string | undefined;
}

/** Counts what goes wrong with providers, by the hour, and keeps the first of each minute. Nobody waits for it. */
@Injectable()
export class ErrorRecorder {
  private readonly logger = new Logger(ErrorRecorder.name);
  private minute = 0;
  private logged = 0;

  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  /**
   * A failure as the caller is told it: nothing in it that must not be shown. Of a request that is refused, or that reaches nobody because the
   * provider is known to be down, nothing new is known.
   */
  note(error: AppError, call: FailedCall): void {
    if (!(error instanceof ProviderFailedError || error instanceof ProviderTimeoutError)) return;
    this.write(error, call).catch((failure: unknown) =>
      this.logger.error({ err: failure }, 'an error could not be counted'),
    );
  }

  private async write({ code: type, message }: AppError, call: FailedCall): Promise<void> {
    const { provider, modelId, requestId, analysisId = null } = call;
    const now = this.clock.now();
    const em = this.em.fork();
    await em.execute(
      `insert into error_metrics as known (error_type, provider, time_window, count, created_at, updated_at)
       values (?, ?, ?, 1, ?, ?)
       on conflict (error_type, provider, time_window) do update
         set count = known.count + 1, updated_at = excluded.updated_at`,
      [type, provider, new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS), now, now],
    );
    if (!this.mayLog(now)) return;
    await em.execute(
      `insert into error_logs (id, error_type, message, context, analysis_id, request_id, created_at) values (?, ?, ?, ?::jsonb, ?, ?, ?)`,
      [newId(), type, message, JSON.stringify({ provider, modelId }), analysisId, requestId, now],
    );
  }

  private mayLog(now: Date): boolean {
    const minute = Math.floor(now.getTime() / MINUTE_MS);
    if (minute !== this.minute) [this.minute, this.logged] = [minute, 0];
    this.logged += 1;
    return this.logged <= LOGS_PER_MINUTE;
  }
}
