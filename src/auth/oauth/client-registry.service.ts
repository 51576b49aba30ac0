import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import type { FieldError } from '../../common/errors/app-error.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { assertIfMatch, etagOf } from '../../common/http/etag.js';
import { pageOf } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { isTaken } from '../../database/database-errors.js';
import { AuditTrail, type AuditCause } from '../../monitoring/audit-trail.service.js';
import { UserRepository } from '../identity/user.repository.js';
import { toClientMetadata } from './client-adapter.js';
import { ClientExistsError, ClientHasNoSecretError, ClientNotFoundError } from './client.errors.js';
import { type ClientAuthMethod, type ClientTerms, faultsOfTerms, KIND_RULES, kindOf } from './client-kinds.js';
import { hashClientSecret, newClientSecret } from './client-secret.js';
import { GrantService } from './grant.service.js';
import { OAuthClient } from './oauth-client.entity.js';
import { errors } from './oidc-engine.js';
import { OidcProviderHolder } from './oidc-provider.holder.js';

export interface NewClient extends ClientTerms {
  clientId: string;
  clientName: string;
  postLogoutRedirectUris: readonly string[];
  isFirstParty: boolean;
  authMethod: ClientAuthMethod;
}

export interface ClientPatch {
  clientName?: string | undefined;
  redirectUris?: readonly string[] | undefined;
  postLogoutRedirectUris?: readonly string[] | undefined;
  scopes?: readonly string[] | undefined;
  isActive?: boolean | undefined;
}

type Change = AuditCause & { actorId: string; ifMatch: string };

/** A client with its secret, which nobody can read again. */
export interface IssuedClient {
  client: OAuthClient;
  secret: string | null;
}

/** The apps and programs that may get tokens, as operators register them. A change applies to the very next request. */
@Injectable()
export class ClientRegistry {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly holder: OidcProviderHolder,
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  async page(limit: number, before: string | undefined): Promise<{ clients: OAuthClient[]; next: string | null }> {
    const where = before === undefined ? {} : { id: { $lt: before } };
    const found = await this.em.fork().find(OAuthClient, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    const { rows, next } = pageOf(found, limit, ({ id }) => id);
    return { clients: rows, next };
  }

  /** @throws ClientNotFoundError */
  async read(clientId: string): Promise<OAuthClient> {
    const client = await this.em.fork().findOne(OAuthClient, { clientId });
    if (!client) throw new ClientNotFoundError(clientId);
    return client;
  }

  /** @throws InvalidRequestError naming every fault, ClientExistsError */
  async register(asked: NewClient, cause: AuditCause): Promise<IssuedClient> {
    const now = this.clock.now();
    const rule = KIND_RULES[asked.kind];
    const secret = rule.hasSecret ? newClientSecret() : null;
    const row = {
      id: newId(),
      clientId: asked.clientId,
      clientName: asked.clientName,
      clientType: rule.hasSecret ? ('confidential' as const) : ('public' as const),
      secretHash: secret === null ? null : hashClientSecret(secret),
      redirectUris: [...asked.redirectUris],
      grantTypes: [...rule.grantTypes],
      scopes: [...asked.scopes],
      ownerUserId: asked.ownerUserId,
      metadata: {
        application_type: rule.applicationType,
        token_endpoint_auth_method: rule.hasSecret ? asked.authMethod : 'none',
        id_token_signed_response_alg: asked.isFirstParty ? 'ES256' : 'RS256',
        first_party: asked.isFirstParty,
        post_logout_redirect_uris: [...asked.postLogoutRedirectUris],
      },
      createdAt: now,
      updatedAt: now,
    };
    await this.check(asked, row);
    const client = await this.em
      .fork()
      .transactional(async (em) => {
        const created = em.create(OAuthClient, { ...row, isActive: true });
        await em.persist(created).flush();
        await this.record('oauth_client.create', { before: null, after: created }, cause, now);
        return created;
      })
      .catch((error: unknown) => {
        throw isTaken(error) ? new ClientExistsError(asked.clientId) : error;
      });
    return { client, secret };
  }

  /** Switching a client off ends every sign-in made with it. @throws ClientNotFoundError, InvalidRequestError, StaleEtagError */
  async update(clientId: string, patch: ClientPatch, change: Change): Promise<OAuthClient> {
    const { postLogoutRedirectUris, ...columns } = definedOf(patch);
    const changed = await this.change(clientId, 'oauth_client.update', change, async (client) => {
      Object.assign(client, columns);
      if (postLogoutRedirectUris) {
        client.metadata = { ...client.metadata, post_logout_redirect_uris: postLogoutRedirectUris };
      }
      const { redirectUris, scopes, ownerUserId = null } = client;
      await this.check({ kind: kindOf(client), redirectUris, scopes, ownerUserId }, client);
    });
    if (patch.isActive === false) {
      await this.grants.revoke({ clientId }, { reason: 'client_deactivated', by: change.actorId });
    }
    return changed;
  }

  /** A new secret in the place of the old one, which is refused from now on. @throws ClientNotFoundError, ClientHasNoSecretError */
  async rotateSecret(clientId: string, change: Change): Promise<IssuedClient> {
    const secret = newClientSecret();
    const client = await this.change(clientId, 'oauth_client.rotate_secret', change, (found) => {
      if (found.clientType === 'public') throw new ClientHasNoSecretError(clientId);
      found.secretHash = hashClientSecret(secret);
      return Promise.resolve();
    });
    return { client, secret };
  }

  private change(
    clientId: string,
    action: string,
    cause: Change,
    work: (client: OAuthClient) => Promise<void>,
  ): Promise<OAuthClient> {
    const now = this.clock.now();
    return this.em.fork().transactional(async (em) => {
      const client = await em.findOne(OAuthClient, { clientId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!client) throw new ClientNotFoundError(clientId);
      assertIfMatch(cause.ifMatch, etagOfClient(client));
      const before = auditedOf(client);
      await work(client);
      client.updatedAt = now;
      await this.record(action, { before, after: client }, cause, now);
      return client;
    });
  }

  /** @throws InvalidRequestError naming what does not fit */
  private async check(terms: ClientTerms, client: Parameters<typeof toClientMetadata>[0]): Promise<void> {
    const faults = faultsOfTerms(terms);
    if (terms.ownerUserId !== null && !(await this.users.findById(terms.ownerUserId))) {
      faults.push({ field: 'ownerUserId', message: 'there is no such user' });
    }
    if (faults.length > 0) throw InvalidRequestError.of(faults);
    try {
      await this.holder.provider.Client.validate(toClientMetadata(client));
    } catch (error) {
      if (!(error instanceof errors.InvalidClientMetadata)) throw error;
      throw InvalidRequestError.of([faultOf(error)]);
    }
  }

  private record(
    action: string,
    { before, after }: { before: object | null; after: OAuthClient },
    cause: AuditCause,
    now: Date,
  ): Promise<void> {
    const line = { action, entity: 'oauth_client', entityId: after.clientId, before, after: auditedOf(after) };
    return this.audit.record(line, cause, now);
  }
}

/** Names the state that a change was made from, the secret in use included. */
export function etagOfClient(client: OAuthClient): string {
  const secret = client.secretHash ? Buffer.from(client.secretHash).toString('base64url') : null;
  return etagOf([client.clientId, client.updatedAt.toISOString(), secret]);
}

/** What the audit trail keeps of a client: never its secret, nor the hash of it. */
function auditedOf(client: OAuthClient): object {
  const { clientId, clientName, redirectUris, grantTypes, scopes, isActive, ownerUserId = null, metadata } = client;
  return { clientId, clientName, redirectUris, grantTypes, scopes, isActive, ownerUserId, metadata };
}

/** The engine names its own metadata in its message. */
function faultOf({
  error_description: message = 'is refused',
}: {
  error_description?: string | undefined;
}): FieldError {
  if (message.startsWith('post_logout')) return { field: 'postLogoutRedirectUris', message };
  return { field: message.includes('redirect_uri') ? 'redirectUris' : 'client', message };
}

function definedOf<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
