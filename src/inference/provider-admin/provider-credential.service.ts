import { EntityManager, LockMode, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Sealer } from '../../auth/sealer.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { newId } from '../../common/ids.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { ProviderCredentialExistsError, ProviderCredentialNotFoundError } from './provider-admin.errors.js';
import { etagOfCredential, toCredentialView } from './provider-credential.dto.js';
import { ProviderCredential } from './provider-credential.entity.js';

export interface NewCredential {
  provider: string;
  name: string;
  /** Null for a server that asks for none. */
  apiKey: string | null;
  baseUrl: string | null;
}

type Cause = AuditCause & { ifMatch: string };

/** Keeps accounts at providers, sealed. A key goes in and is never shown again. */
@Injectable()
export class ProviderCredentialService {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly audit: AuditTrail,
  ) {}

  /** All of them, the newest of a provider first. */
  list(): Promise<ProviderCredential[]> {
    return this.em.fork().find(ProviderCredential, {}, { orderBy: { provider: 'asc', createdAt: 'desc', id: 'desc' } });
  }

  /** @throws ProviderCredentialNotFoundError */
  async read(id: string): Promise<ProviderCredential> {
    const found = await this.em.fork().findOne(ProviderCredential, { id });
    if (!found) throw new ProviderCredentialNotFoundError();
    return found;
  }

  /** @throws ProviderCredentialExistsError */
  async create(asked: NewCredential, cause: AuditCause, now: Date): Promise<ProviderCredential> {
    const id = newId();
    const { provider, name, baseUrl, apiKey } = asked;
    const secretSealed = this.sealer.seal(apiKey ?? '', contextOf(id));
    try {
      return await this.em.fork().transactional(async (em) => {
        const credential = em.create(ProviderCredential, {
          id,
          provider,
          name,
          baseUrl,
          secretSealed,
          isActive: true,
          lastVerifiedAt: null,
          createdAt: now,
          updatedAt: now,
        });
        await em.persist(credential).flush();
        await this.record('create', { before: null, after: credential }, cause, now);
        return credential;
      });
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) throw new ProviderCredentialExistsError(provider, name);
      throw error;
    }
  }

  /**
   * Puts a new key in the place of the old one, on every replica within moments.
   * @throws ProviderCredentialNotFoundError, IfMatchRequiredError, StaleEtagError
   */
  rotate(id: string, apiKey: string, cause: Cause, now: Date): Promise<ProviderCredential> {
    return this.change(id, { action: 'rotate', cause, now }, (credential) => {
      credential.secretSealed = this.sealer.seal(apiKey, contextOf(id));
      credential.lastVerifiedAt = null;
    });
  }

  /** @throws as `rotate` does. */
  setActive(id: string, isActive: boolean, cause: Cause, now: Date): Promise<ProviderCredential> {
    return this.change(id, { action: isActive ? 'activate' : 'deactivate', cause, now }, (credential) => {
      credential.isActive = isActive;
    });
  }

  /** Notes that the provider took the key. No change of the credential, so its ETag stays. */
  async noteVerified(id: string, now: Date): Promise<void> {
    await this.em.fork().nativeUpdate(ProviderCredential, { id }, { lastVerifiedAt: now });
  }

  private change(
    id: string,
    { action, cause, now }: { action: string; cause: Cause; now: Date },
    apply: (credential: ProviderCredential) => void,
  ): Promise<ProviderCredential> {
    return this.em.fork().transactional(async (em) => {
      const credential = await em.findOne(ProviderCredential, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!credential) throw new ProviderCredentialNotFoundError();
      assertIfMatch(cause.ifMatch, etagOfCredential(credential));
      const before = toCredentialView(credential);
      apply(credential);
      credential.updatedAt = now;
      await em.flush();
      await this.record(action, { before, after: credential }, cause, now);
      return credential;
    });
  }

  private record(
    action: string,
    { before, after }: { before: object | null; after: ProviderCredential },
    cause: AuditCause,
    now: Date,
  ): Promise<void> {
    const change = {
      action: `provider_credential.${action}`,
      entity: 'provider_credential',
      entityId: after.id,
      before,
      after: toCredentialView(after),
    };
    return this.audit.record(change, cause, now);
  }
}

/** What a key is sealed for. */
export function contextOf(id: string): string {
  return `provider_credentials/${id}`;
}
