import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Sealer } from '../../auth/sealer.js';
import { WallClock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { signatureHeaders } from './webhook-signature.js';
import { WebhookClient } from './webhook-client.js';
import type { WebhookEvent } from './webhook.entity.js';

/** Sent at once, to so many endpoints of a run each, and in so many turns. A second run takes the rest. */
const DELIVERIES_MAX = 5;
const ENDPOINTS_MAX = 20;
const TURNS_MAX = 100;
/** Longer than a sending takes: one that died with its process is sent again then. */
const LEASE_MS = 60_000;
/** Waits after the first, second, … failed attempt: some ten hours in all, then it is given up. */
const WAITS_MS = [30_000, 120_000, 480_000, 1_800_000, 7_200_000, 28_800_000] as const;
const DAY_MS = 86_400_000;

interface DueDelivery {
  id: string;
  endpoint_id: string;
  url: string;
  secret_sealed: Buffer;
  payload: Record<string, unknown>;
  attempts: number;
  /** False where the endpoint was deactivated since; a test was asked for all the same. */
  is_wanted: boolean;
}

/** What a sending came to. */
interface Outcome {
  status: number | null;
  error: string | null;
}

const DEACTIVATED: Outcome = { status: null, error: 'the endpoint was deactivated' };

/**
 * Tells endpoints what happened. A delivery is a row, written in the transaction of what it tells; it is sent at least once, under the same id
 * each time. Its times are real ones, because receivers check them.
 */
@Injectable()
export class WebhookDeliveries {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly client: WebhookClient,
    private readonly clock: WallClock,
  ) {}

  /** Adds a delivery of each event for each active endpoint that wants it. Joins the transaction of `em`. */
  async add(em: EntityManager, event: WebhookEvent, events: readonly object[]): Promise<void> {
    if (events.length === 0) return;
    const endpoints = await em.execute<{ id: string }[]>(
      'select id from webhook_endpoints where is_active and events @> array[?]::text[] order by id',
      [event],
    );
    for (const { id } of endpoints) await this.addFor(em, id, { event, events });
  }

  /** The same for one endpoint, whatever it wants. */
  async addFor(
    em: EntityManager,
    endpointId: string,
    { event, events }: { event: WebhookEvent; events: readonly object[] },
  ): Promise<void> {
    const at = this.clock.now();
    const rows = events.map((data) => ({ id: newId(), payload: { type: event, timestamp: at.toISOString(), data } }));
    await em.execute(
      `insert into webhook_deliveries (id, endpoint_id, event, payload, next_attempt_at, created_at, updated_at)
       select d.id, ?::uuid, ?, d.payload, a.at, a.at, a.at from jsonb_to_recordset(?::jsonb) as d (id uuid, payload jsonb), (select ?::timestamptz as at) a`,
      [endpointId, event, JSON.stringify(rows), at],
    );
  }

  /** Sends what is due, to each endpoint by itself: none waits for another that is slow. Returns how many were taken by their endpoints. */
  async sendDue(): Promise<number> {
    const endpoints = await this.em.fork().execute<{ id: string }[]>(
      `select endpoint_id as id from webhook_deliveries where state = 'pending' and next_attempt_at <= ?
        group by endpoint_id order by min(next_attempt_at) limit ${ENDPOINTS_MAX}`,
      [this.clock.now()],
    );
    const taken = await Promise.all(endpoints.map(({ id }) => this.sendTo(id)));
    return taken.reduce((sum, count) => sum + count, 0);
  }

  /** Forgets finished deliveries after their days. */
  async deleteOld(days: number): Promise<number> {
    const before = new Date(this.clock.now().getTime() - days * DAY_MS);
    const rows = await this.em
      .fork()
      .execute<unknown[]>(`delete from webhook_deliveries where state <> 'pending' and created_at < ? returning id`, [
        before,
      ]);
    return rows.length;
  }

  private async sendTo(endpointId: string): Promise<number> {
    let taken = 0;
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      const due = await this.claim(endpointId);
      const outcomes = await Promise.all(due.map((delivery) => this.send(delivery)));
      taken += outcomes.filter(Boolean).length;
      // Whoever does not take one now is asked again by a later run, with the rest.
      if (due.length < DELIVERIES_MAX || !outcomes.every(Boolean)) break;
    }
    return taken;
  }

  /** Takes deliveries to an endpoint for this process: until the lease is over no other sends them. */
  private claim(endpointId: string): Promise<DueDelivery[]> {
    const at = this.clock.now();
    return this.em.fork().execute<DueDelivery[]>(
      `update webhook_deliveries d set attempts = d.attempts + 1, next_attempt_at = ?, updated_at = ?
         from webhook_endpoints e
        where e.id = d.endpoint_id and d.id in (
          select id from webhook_deliveries where state = 'pending' and next_attempt_at <= ? and endpoint_id = ?
           order by next_attempt_at limit ${DELIVERIES_MAX} for update skip locked)
       returning d.id, d.endpoint_id, e.url, e.secret_sealed, d.payload, d.attempts, (e.is_active or d.event = 'webhook.test') as is_wanted`,
      [new Date(at.getTime() + LEASE_MS), at, at, endpointId],
    );
  }

  private async send(delivery: DueDelivery): Promise<boolean> {
    const { is_wanted: isWanted, attempts } = delivery;
    const { status, error } = isWanted ? await this.attempt(delivery) : DEACTIVATED;
    const isTaken = status !== null && status >= 200 && status < 300;
    const wait = isWanted ? WAITS_MS[attempts - 1] : undefined;
    const at = this.clock.now();
    await this.em.fork().execute(
      `update webhook_deliveries set state = ?::webhook_delivery_state, response_status = ?, last_error = ?, next_attempt_at = ?, updated_at = ?
        where id = ?`,
      [
        isTaken ? 'delivered' : wait === undefined ? 'failed' : 'pending',
        status,
        isTaken ? null : (error ?? `answered with status ${status}`),
        new Date(at.getTime() + (wait ?? 0)),
        at,
        delivery.id,
      ],
    );
    return isTaken;
  }

  private async attempt({ id, endpoint_id, url, secret_sealed, payload }: DueDelivery): Promise<Outcome> {
    const body = JSON.stringify(payload);
    try {
      const secret = this.sealer.open(secret_sealed, contextOf(endpoint_id));
      const headers = signatureHeaders(secret, { id, at: this.clock.now(), body });
      const status = await this.client.send(url, { ...headers, 'content-type': 'application/json' }, body);
      return { status, error: null };
    } catch (error) {
      return { status: null, error: (error as Error).message };
    }
  }
}

/** What a secret is sealed for. */
export function contextOf(endpointId: string): string {
  return `webhook_endpoints/${endpointId}`;
}
