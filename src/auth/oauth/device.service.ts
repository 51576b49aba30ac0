import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { DeviceNotFoundError, UserNotFoundError } from '../auth.errors.js';
import type { RequestOrigin } from '../identity/auth-event.recorder.js';
import { UserRepository } from '../identity/user.repository.js';
import type { AuthGrant } from './auth-grant.entity.js';
import { GrantService } from './grant.service.js';
import { OAuthClientRepository } from './oauth-client.repository.js';
import { originOfCause } from './request-origin.js';

export interface SignedInDevice {
  grant: AuthGrant;
  clientName: string;
}

/** An operator's change, and where it came from. */
export type OperatorCause = AuditCause & { actorId: string };

/** The devices on which somebody is signed in, for that person and for operators. Ending one ends its tokens at once. */
@Injectable()
export class DeviceService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly grants: GrantService,
    private readonly clients: OAuthClientRepository,
    private readonly users: UserRepository,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  /** The one used last first. */
  async list(userId: string): Promise<SignedInDevice[]> {
    const grants = await this.grants.list(userId);
    const names = await this.clients.namesOf(grants.map(({ clientId }) => clientId));
    return grants.map((grant) => ({ grant, clientName: names.get(grant.clientId) ?? grant.clientId }));
  }

  /** @throws DeviceNotFoundError also for a device of somebody else */
  async end(userId: string, id: string, origin: RequestOrigin): Promise<void> {
    const ended = await this.grants.revoke({ userId, id }, { reason: 'signed_out' }, origin);
    if (ended.length === 0) throw new DeviceNotFoundError();
  }

  /** Signs out everywhere else. How many devices that were. */
  async endOthers(userId: string, currentId: string, origin: RequestOrigin): Promise<number> {
    return (await this.grants.revoke({ userId, exceptId: currentId }, { reason: 'signed_out' }, origin)).length;
  }

  /** @throws UserNotFoundError */
  async listFor(userId: string): Promise<SignedInDevice[]> {
    if (!(await this.users.findById(userId))) throw new UserNotFoundError(userId);
    return this.list(userId);
  }

  /** One device, or all of the person's. @throws DeviceNotFoundError, UserNotFoundError */
  async endAsOperator(userId: string, id: string | undefined, cause: OperatorCause): Promise<number> {
    if (!(await this.users.findById(userId))) throw new UserNotFoundError(userId);
    const selection = id === undefined ? { userId } : { userId, id };
    const ending = { reason: 'revoked_by_operator', by: cause.actorId } as const;
    const ended = await this.grants.revoke(selection, ending, originOfCause(cause), (revoked) => {
      const lines = revoked.map((grant) => ({
        action: 'session.revoke',
        entity: 'auth_grant',
        entityId: grant.id,
        before: { userId, clientId: grant.clientId },
        after: null,
      }));
      return this.audit.recordAll(lines, cause, this.clock.now());
    });
    if (id !== undefined && ended.length === 0) throw new DeviceNotFoundError();
    return ended.length;
  }
}
