import { randomBytes } from 'node:crypto';
import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Sealer } from '../../auth/sealer.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { beforeId, type PageQuery, pageOf } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { WebhookEndpointNotFoundError } from '../usage.errors.js';
import { WebhookClient } from './webhook-client.js';
import { contextOf } from './webhook-delivery.service.js';
import {
  type CreateEndpointRequest,
  type DeliveriesQuery,
  etagOfEndpoint,
  toEndpointView,
  type UpdateEndpointRequest,
} from './webhook.dto.js';
import { WEBHOOK_EVENTS, WebhookDelivery, WebhookEndpoint } from './webhook.entity.js';

/** As many as Standard Webhooks recommends at least. */
const SECRET_BYTES = 32;

type Cause = AuditCause & { ifMatch: string };

/** The addresses that operators have told of events. */
@Injectable()
export class WebhookService {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly client: WebhookClient,
    private readonly audit: AuditTrail,
  ) {}

  /** Newest first. @throws InvalidRequestError */
  async page({ limit, cursor }: PageQuery): Promise<{ rows: WebhookEndpoint[]; next: string | null }> {
    const rows = await this.em
      .fork()
      .find(WebhookEndpoint, beforeId(cursor), { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** Newest first. @throws WebhookEndpointNotFoundError, InvalidRequestError */
  async deliveries(endpointId: string, { state, limit, cursor }: DeliveriesQuery) {
    await this.read(endpointId);
    const where = { endpointId, ...(state && { state }), ...beforeId(cursor) };
    const rows = await this.em.fork().find(WebhookDelivery, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws WebhookEndpointNotFoundError */
  async read(id: string): Promise<WebhookEndpoint> {
    const endpoint = await this.em.fork().findOne(WebhookEndpoint, { id });
    if (!endpoint) throw new WebhookEndpointNotFoundError();
    return endpoint;
  }

  /** The endpoint and its secret, which is not shown again. @throws InvalidRequestError for a private address */
  async create(
    asked: CreateEndpointRequest,
    cause: AuditCause,
    now: Date,
  ): Promise<{ endpoint: WebhookEndpoint; secret: string }> {
    const fault = URL.canParse(asked.url) ? this.client.faultOf(new URL(asked.url)) : 'must be a URL address';
    if (fault) throw InvalidRequestError.of([{ field: 'url', message: fault }]);
    const id = newId();
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const endpoint = await this.em.fork().transactional(async (em) => {
      const created = em.create(WebhookEndpoint, {
        id,
        url: asked.url,
        secretSealed: this.sealer.seal(secret, contextOf(id)),
        events: asked.events ?? [...WEBHOOK_EVENTS],
        isActive: asked.isActive ?? true,
        createdBy: cause.actorId,
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(created).flush();
      await this.record('create', { before: null, after: created }, cause, now);
      return created;
    });
    return { endpoint, secret };
  }

  /** @throws WebhookEndpointNotFoundError, IfMatchRequiredError, StaleEtagError */
  update(id: string, { events, isActive }: UpdateEndpointRequest, cause: Cause, now: Date): Promise<WebhookEndpoint> {
    return this.em.fork().transactional(async (em) => {
      const endpoint = await em.findOne(WebhookEndpoint, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!endpoint) throw new WebhookEndpointNotFoundError();
      assertIfMatch(cause.ifMatch, etagOfEndpoint(endpoint));
      const before = toEndpointView(endpoint);
      em.assign(endpoint, { ...(events && { events }), ...(isActive !== undefined && { isActive }), updatedAt: now });
      await em.flush();
      await this.record('update', { before, after: endpoint }, cause, now);
      return endpoint;
    });
  }

  private record(
    action: string,
    { before, after }: { before: object | null; after: WebhookEndpoint },
    cause: AuditCause,
    now: Date,
  ): Promise<void> {
    const change = {
      action: `webhook_endpoint.${action}`,
      entity: 'webhook_endpoint',
      entityId: after.id,
      before,
      after: toEndpointView(after),
    };
    return this.audit.record(change, cause, now);
  }
}
