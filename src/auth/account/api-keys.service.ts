import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import type { Principal } from '../../common/http/principal.js';
import type { Scope } from '../../common/http/route-markers.js';
import { newId } from '../../common/ids.js';
import type { ApiKey } from '../access/api-key.entity.js';
import { hashOf, newApiKey, prefixOf } from '../access/api-key-format.js';
import { ApiKeyRepository } from '../access/api-key.repository.js';
import { AuditTrail } from '../../monitoring/audit-trail.service.js';
import { RevocationList } from '../access/revocation-list.js';
import { Mailer } from '../mail/mailer.js';
import type { User } from '../identity/user.entity.js';
import { ApiKeyLimitError, ApiKeyNotFoundError } from '../auth.errors.js';
import type { OperatorCause } from '../oauth/device.service.js';
import { originOfCause } from '../oauth/request-origin.js';
import { AuthEventRecorder, type RequestOrigin } from '../identity/auth-event.recorder.js';

/** More keys than the scripts and servers of one person; who needs more shares an account. */
export const API_KEYS_MAX = 20;

export interface WantedApiKey {
  name: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
}

export interface MadeApiKey {
  /** Shown this once: it is stored as a hash. */
  key: string;
  row: Pick<ApiKey, 'id' | 'name' | 'prefix' | 'scopes' | 'createdAt' | 'expiresAt' | 'lastUsedAt'>;
}

/** The long-lived credentials that a user makes for scripts and SDKs. */
@Injectable()
export class ApiKeysService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly keys: ApiKeyRepository,
    private readonly revocations: RevocationList,
    private readonly events: AuthEventRecorder,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
    private readonly mailer: Mailer,
  ) {}

  /** Those that were not revoked, newest first. */
  list(userId: string): Promise<ApiKey[]> {
    return this.keys.findLiveOf(userId);
  }

  /** @throws InvalidRequestError for a scope that the caller lacks or a time that has passed, ApiKeyLimitError */
  async make(owner: Principal, wanted: WantedApiKey, origin: RequestOrigin): Promise<MadeApiKey> {
    const now = this.clock.now();
    this.check(owner, wanted, now);
    const key = newApiKey();
    const row = {
      id: newId(),
      name: wanted.name,
      prefix: prefixOf(key),
      scopes: [...wanted.scopes],
      expiresAt: wanted.expiresAt,
      createdAt: now,
    };
    const { userId } = owner;
    const details = { keyId: row.id, prefix: row.prefix, scopes: row.scopes, expiresAt: row.expiresAt };
    // It works without a sign-in, so that a new password does not end it: its owner is told.
    const tell = async ({ email, language }: User): Promise<void> => {
      await this.events.record({ event: 'api_key_created', userId, origin, details });
      await this.mailer.send({ to: email, language, template: 'apiKeyMade', variables: { name: row.name } });
    };
    const isAdded = await this.keys.add({ ...row, userId, hash: hashOf(key) }, API_KEYS_MAX, tell);
    if (!isAdded) throw new ApiKeyLimitError(API_KEYS_MAX);
    return { key, row: { ...row, lastUsedAt: null } };
  }

  /** Ends a key: here at once, on the other replicas as soon as they hear of it, and in between at its next request that costs. @throws ApiKeyNotFoundError */
  async revoke(userId: string, id: string, origin: RequestOrigin): Promise<void> {
    if ((await this.keys.revoke({ id, userId }, this.clock.now())) === null) throw new ApiKeyNotFoundError();
    await this.revocations.announce([id]);
    await this.events.record({ event: 'api_key_revoked', userId, origin, details: { keyId: id } });
  }

  /** Of all users, newest first. */
  page(
    filter: { userId?: string; prefix?: string },
    page: { limit: number; before: string | undefined },
  ): Promise<{ keys: ApiKey[]; next: string | null }> {
    return this.keys.page(filter, page);
  }

  /** Ends a key of whoever has it. @throws ApiKeyNotFoundError */
  async revokeAsOperator(id: string, cause: OperatorCause): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().transactional(async (em) => {
      const userId = await this.keys.revoke({ id }, now, em);
      if (userId === null) throw new ApiKeyNotFoundError();
      const change = { action: 'api_key.revoke', entity: 'api_key', entityId: id, before: null, after: { userId } };
      await this.audit.record(change, cause, now);
      const origin = originOfCause(cause);
      await this.events.record({ event: 'api_key_revoked', userId, origin, details: { keyId: id, by: 'operator' } });
    });
    await this.revocations.announce([id]);
  }

  private check({ scopes: held }: Principal, { scopes, expiresAt }: WantedApiKey, now: Date): void {
    const errors = [];
    const beyond = scopes.filter((scope) => !held.has(scope));
    if (beyond.length > 0) {
      errors.push({ field: 'scopes', message: `has what your own token lacks: ${beyond.join(', ')}` });
    }
    if (expiresAt && expiresAt <= now) errors.push({ field: 'expiresAt', message: 'must be in the future' });
    if (errors.length > 0) throw InvalidRequestError.of(errors);
  }
}
