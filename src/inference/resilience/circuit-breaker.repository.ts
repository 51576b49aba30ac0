import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CircuitBreakerStatus } from './circuit-breaker.entity.js';
import type { CircuitChange } from './circuit.js';

export interface CircuitKey {
  provider: string;
  modelId: string;
}

/** Keeps the last known state of every circuit. */
@Injectable()
export class CircuitBreakerRepository {
  constructor(private readonly em: EntityManager) {}

  list(): Promise<CircuitBreakerStatus[]> {
    return this.em.fork().find(CircuitBreakerStatus, {}, { orderBy: { provider: 'asc', modelId: 'asc' } });
  }

  /** What a replica found out by itself. It never undoes what an operator holds open. */
  async note({ provider, modelId }: CircuitKey, change: CircuitChange, now: Date): Promise<void> {
    const isOpen = change.state !== 'closed';
    await this.em.fork().execute(
      `insert into circuit_breaker_status as known
         (provider, model_id, state, failure_count, opened_at, next_probe_at, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (provider, model_id) do update
         set state = excluded.state, failure_count = excluded.failure_count, next_probe_at = excluded.next_probe_at,
             opened_at = case when excluded.opened_at is not null then coalesce(known.opened_at, excluded.opened_at) end,
             updated_at = excluded.updated_at
       where not (known.state = 'open' and known.next_probe_at is null)`,
      [
        provider,
        modelId,
        change.state,
        change.failureCount,
        isOpen ? now : null,
        change.nextProbeAtMs === null ? null : new Date(change.nextProbeAtMs),
        now,
        now,
      ],
    );
  }

  /** What an operator decides, in the transaction that the caller has begun. */
  async set(em: EntityManager, { provider, modelId }: CircuitKey, state: 'open' | 'closed', now: Date): Promise<void> {
    const openedAt = state === 'open' ? now : null;
    await em.execute(
      `insert into circuit_breaker_status (provider, model_id, state, opened_at, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?)
       on conflict (provider, model_id) do update
         set state = excluded.state, failure_count = 0, opened_at = excluded.opened_at, next_probe_at = null,
             updated_at = excluded.updated_at`,
      [provider, modelId, state, openedAt, now, now],
    );
  }
}
