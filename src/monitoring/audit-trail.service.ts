import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';

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
  constructor(private readonly em: EntityManager) {}

  /** Writes one line. Joins the caller's transaction, so that there is neither a change without its line nor a line without its change. */
  async record(change: AuditedChange, cause: AuditCause, now: Date): Promise<void> {
    await this.em.execute(
      `insert into audit_trail (id, actor_id, action, entity, entity_id, before, after, reason, ip, request_id, created_at)
       values (?, ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?, ?, ?, ?)`,
      [
        newId(),
        cause.actorId,
        change.action,
        change.entity,
        change.entityId,
        change.before && JSON.stringify(change.before),
        change.after && JSON.stringify(change.after),
        cause.reason,
        cause.ip ?? null,
        cause.requestId ?? null,
        now,
      ],
    );
  }
}
