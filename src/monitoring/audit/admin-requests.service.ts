import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { WallClock } from '../../common/clock.js';
import { AuditTrail } from '../audit-trail.service.js';

/** One line per person, route and minute tells enough of refusals; the trail is kept for ever. */
const REFUSALS_MAX = 1_000;
const REFUSAL_MS = 60_000;

/** A request to a route of operators that is no mere reading, answered. */
export interface AdminRequest {
  requestId: string;
  actorId: string;
  role: string;
  ip: string;
  /** Method and pattern, e.g. `POST /admin/budgets`. */
  route: string;
  /** The path as it was called. */
  path: string;
  status: number;
  /** Why, where the request says so. */
  reason: string | null;
}

/**
 * Sees to it that the audit trail has every request of an operator that may have changed something: services write what they change, before
 * and after; what none of them wrote gets a line here. So does what a role may not do and tried. Nobody waits for it.
 */
@Injectable()
export class AdminRequests implements OnApplicationShutdown {
  private readonly logger = new Logger(AdminRequests.name);
  private readonly refusals = new LRUCache<string, true>({ max: REFUSALS_MAX, ttl: REFUSAL_MS });
  private readonly writing = new Set<Promise<void>>();

  constructor(
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  /** Takes note of an answer that was sent. */
  note(request: AdminRequest): void {
    const action = this.actionOf(request);
    if (action === null) return;
    const writing = this.write(action, request).finally(() => this.writing.delete(writing));
    this.writing.add(writing);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.writing);
  }

  private actionOf({ requestId, status, actorId, role, route }: AdminRequest): string | null {
    const wasAudited = this.audit.takeNote(requestId);
    if (status < 400) return wasAudited ? null : 'admin.request';
    const refusal = `${actorId} ${route}`;
    // Whoever is no operator is noted in the log alone, however often that is.
    if (status !== 403 || role === 'user' || this.refusals.has(refusal)) return null;
    this.refusals.set(refusal, true);
    return 'admin.refused';
  }

  private async write(action: string, request: AdminRequest): Promise<void> {
    const { requestId, actorId, ip, route, path, status, reason } = request;
    const change = { action, entity: 'route', entityId: route, before: null, after: { path, status } };
    try {
      await this.audit.record(change, { actorId, ip, requestId, reason }, this.clock.now());
    } catch (error) {
      this.logger.error({ err: error, requestId, userId: actorId, route }, 'a request is missing in the audit trail');
    }
    this.audit.takeNote(requestId);
  }
}
