import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { storedJson } from '../common/domain/storable.js';
import { newId } from '../common/ids.js';

/** Requests of operators at one time. */
const REQUESTS_MAX = 1_000;

/** Who did it, from where, in which request, and why. */
export interface AuditCause {
  actorId: string | null;
  reason: string | null;
  ip?: string | null;
  requestId?: string | null;
}

/** What was changed. Never a secret, a token or a prompt: this is kept for ever. */
export interface AuditedChange {
  /** `plan.update`: what it is called in the list. */
  action: string;
  entity: string;
  entityId: string;
  before: object | null;
  after: object | null;
}

/** Keeps every administrative write beside what it wrote. */
@Injectable()
export class AuditTrail {
  /** The requests under way that have written a line; some that end elsewhere are never asked for. */
  private readonly noted = new LRUCache<string, true>({ max: REQUESTS_MAX });

  constructor(private readonly em: EntityManager) {}

  /** Writes one line. Joins the caller's transaction, so that there is neither a change without its line nor a line without its change. */
  async record(change: AuditedChange, cause: AuditCause, now: Date): Promise<void> {
    await this.recordAll([change], cause, now);
  }

  /** The same for many writes of one cause, in one statement. */
  async recordAll(changes: readonly AuditedChange[], cause: AuditCause, now: Date): Promise<void> {
    if (changes.length === 0) return;
    if (cause.requestId) this.noted.set(cause.requestId, true);
    const lines = changes.map((change) => ({ ...change, id: newId() }));
    await this.em.execute(
      `insert into audit_trail (id, actor_id, action, entity, entity_id, before, after, reason, ip, request_id, created_at)
       select l.id, ?, l.action, l.entity, l."entityId", nullif(l.before, 'null'), nullif(l.after, 'null'), ?, ?, ?, ?
         from jsonb_to_recordset(?::jsonb) as l (id uuid, action text, entity text, "entityId" text, before jsonb, after jsonb)`,
      [cause.actorId, cause.reason, cause.ip ?? null, cause.requestId ?? null, now, storedJson(lines)],
    );
  }

  /** Whether the request, which has ended, wrote a line. It is forgotten. */
  takeNote(requestId: string): boolean {
    return this.noted.delete(requestId);
  }
}
