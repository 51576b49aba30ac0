import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Notifications } from '../../database/notifications.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import type { CircuitBreakerStatus } from './circuit-breaker.entity.js';
import { CircuitBreakerRepository, type CircuitKey } from './circuit-breaker.repository.js';
import { Circuit, type CircuitChange, type CircuitSettings } from './circuit.js';
import { RetryBudget } from './retry-budget.js';

const CHANNEL = 'tollgate_circuits';

/** How long the replica that tries a provider first is waited for. */
const PROBE_MS = 2_000;

/** Few enough to notice within seconds under load, and more than a handful of unlucky calls. */
const SETTINGS: CircuitSettings = {
  failuresMax: 20,
  openMs: 5_000,
  openMsMax: 60_000,
  retryMs: 100,
  callsMax: 256,
  waitingMax: 256,
};

const CLOSED: CircuitChange = { state: 'closed', failureCount: 0, nextProbeAtMs: null };

/** The circuits of this process, what all replicas know of them, and what operators decide about them. */
@Injectable()
export class CircuitBreakers implements OnModuleInit {
  private readonly logger = new Logger(CircuitBreakers.name);
  private readonly circuits = new Map<string, Circuit>();
  private readonly budgets = new Map<string, RetryBudget>();
  /** Held open by an operator. */
  private held = new Set<string>();
  /** Found down by some replica, with the time until which the others leave it alone. */
  private down = new Map<string, number>();
  private noted = Promise.resolve();
  private followed = Promise.resolve();
  /** Hold for circuits that are made from now on. */
  settings = SETTINGS;

  constructor(
    private readonly em: EntityManager,
    private readonly repository: CircuitBreakerRepository,
    private readonly notifications: Notifications,
    private readonly audit: AuditTrail,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.notifications.listen(CHANNEL, (payload) => this.follow(payload));
    await this.follow('');
  }

  /** The circuit to one model of one provider. */
  of(provider: string, modelId: string): Circuit {
    const key = keyOf({ provider, modelId });
    const known = this.circuits.get(key);
    if (known) return known;
    const budget = this.budgets.get(provider) ?? new RetryBudget();
    this.budgets.set(provider, budget);
    const circuit: Circuit = new Circuit(this.settings, budget, (change) => {
      // What becomes of calls as the former account says nothing of this one.
      if (this.circuits.get(key) === circuit) this.note({ provider, modelId }, change);
    });
    this.circuits.set(key, circuit);
    this.apply(key, circuit);
    return circuit;
  }

  /** The provider is asked otherwise from now on: what was found out about it before counts no more. What an operator holds open stays so. */
  renew(provider: string): void {
    for (const [key, circuit] of this.circuits) {
      const [name, modelId = ''] = key.split('\n');
      if (name !== provider) continue;
      this.circuits.delete(key);
      this.down.delete(key);
      if (circuit.isOpen) this.note({ provider, modelId }, CLOSED);
    }
  }

  /** Every circuit that was ever open, as the last replica left it. */
  list(): Promise<CircuitBreakerStatus[]> {
    return this.repository.list();
  }

  /** Keeps calls away, or lets them through again, on every replica. */
  async set(key: CircuitKey, state: 'open' | 'closed', cause: AuditCause, now: Date): Promise<void> {
    const told = JSON.stringify({ ...key, state });
    await this.em.fork().transactional(async (em) => {
      await this.repository.set(em, key, state, now);
      const change = {
        action: `circuit_breaker.${state === 'open' ? 'open' : 'close'}`,
        entity: 'circuit_breaker',
        entityId: `${key.provider}/${key.modelId}`,
        before: null,
        after: { ...key, state },
      };
      await this.audit.record(change, cause, now);
      // Sent by the commit: what is decided is told, and what is not is not.
      await this.notifications.notify(CHANNEL, told);
    });
    // It is decided, and this replica hears of it as the others do.
    await this.follow(told).catch((error: unknown) =>
      this.logger.warn({ err: error }, 'the state of circuits could not be read'),
    );
  }

  /** Keeps what this replica found out, for the others. One after the other: a probe may begin and succeed within a moment. */
  private note({ provider, modelId }: CircuitKey, change: CircuitChange): void {
    this.logger.warn({ provider, modelId, ...change }, `the circuit to ${provider} is ${change.state}`);
    const at = new Date();
    this.noted = this.noted
      .then(() => this.repository.note({ provider, modelId }, change, at))
      .then(() => this.notifications.notify(CHANNEL))
      .catch((error: unknown) => this.logger.error({ err: error }, 'the state of a circuit could not be kept'));
  }

  /** Takes over what operators hold open and what other replicas found down; a circuit that an operator closed begins anew. */
  private follow(payload: string): Promise<void> {
    if (payload) {
      const told = JSON.parse(payload) as CircuitKey & { state: string };
      // Before the reading, which may fail and is then made again without the payload.
      if (told.state === 'closed') this.circuits.delete(keyOf(told));
    }
    // One reading after the other: an earlier one that ends late would bring back what it knew.
    const read = this.followed.then(() => this.read());
    this.followed = read.catch(() => undefined);
    return read;
  }

  private async read(): Promise<void> {
    const rows = await this.repository.list();
    const isHeld = (row: CircuitBreakerStatus) => row.state === 'open' && !row.nextProbeAt;
    this.held = new Set(rows.filter(isHeld).map(keyOf));
    const isDown = (row: CircuitBreakerStatus) => row.state !== 'closed' && !isHeld(row);
    this.down = new Map(rows.filter(isDown).map((row) => [keyOf(row), restUntilMs(row)]));
    for (const [key, circuit] of this.circuits) this.apply(key, circuit);
  }

  private apply(key: string, circuit: Circuit): void {
    if (this.held.has(key)) circuit.hold();
    else circuit.release();
    const untilMs = this.down.get(key);
    if (untilMs === undefined) circuit.wake();
    else circuit.rest(untilMs);
  }
}

/** A replica that found a provider down tries it first; the others wait for what it finds. While it tries there is no new time to wait for. */
function restUntilMs({ nextProbeAt }: CircuitBreakerStatus): number {
  return nextProbeAt ? nextProbeAt.getTime() + PROBE_MS : 0;
}

function keyOf({ provider, modelId }: CircuitKey): string {
  return `${provider}\n${modelId}`;
}
