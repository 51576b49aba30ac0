import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { RecoveryStep } from './recovery.entity.js';

/** Keeps how an analysis got over its trouble, step by step, in the transactions of its own changes. */
@Injectable()
export class RecoveryLog {
  /** Adds a step to the workflow under way; the first begins one. */
  async step(em: EntityManager, analysisId: string, step: Omit<RecoveryStep, 'at'>, now: Date): Promise<void> {
    await em.execute(
      `insert into recovery_workflows as known (id, analysis_id, state, steps, started_at, created_at, updated_at)
       values (?, ?, 'running', ?::jsonb, ?, ?, ?)
       on conflict (analysis_id) where state = 'running' do update
         set steps = known.steps || excluded.steps, updated_at = excluded.updated_at`,
      [newId(), analysisId, JSON.stringify([{ ...step, at: now.toISOString() }]), now, now, now],
    );
  }

  /** Ends the workflow under way; without one there was no trouble. */
  async end(em: EntityManager, analysisId: string, state: 'recovered' | 'given_up', now: Date): Promise<void> {
    await em.execute(
      `update recovery_workflows set state = ?::recovery_state, finished_at = ?, updated_at = ? where analysis_id = ? and state = 'running'`,
      [state, now, now, analysisId],
    );
  }
}
