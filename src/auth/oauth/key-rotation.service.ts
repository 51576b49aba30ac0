import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { ACCESS_TOKEN_SECONDS_MAX } from '../access/revocation-list.js';
import { Sealer } from '../sealer.js';
import { KeyService } from './key.service.js';
import { SigningKey } from './signing-key.entity.js';
import { makeSigningKey, SIGNING_ALGORITHMS, type SigningKeyMaterial } from './signing-key-material.js';
import { SigningKeyRepository } from './signing-key.repository.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A key signs for this long before the next one is made. */
const ACTIVE_MS = 90 * DAY_MS;
/** Clients may keep the published keys for five minutes; a new key is known to them before it signs. */
const PUBLISHED_MS = 10 * MINUTE_MS;
/** No token lives longer, so after this nothing needs the old key. */
const RETIRING_MS = ACCESS_TOKEN_SECONDS_MAX * 1_000 + MINUTE_MS;

/** Keys that changed their state, by what they became. */
export interface RotationStep {
  next: number;
  active: number;
  retired: number;
}

type Keys = readonly SigningKey[];

/**
 * Replaces signing keys without a token being refused in between: a new key is published, signs once every client can know it, and the old one
 * goes when its last token has expired. Each step is taken by whoever looks when it is due.
 */
@Injectable()
export class KeyRotation {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly keys: KeyService,
    private readonly repository: SigningKeyRepository,
    private readonly sealer: Sealer,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  list(): Promise<SigningKey[]> {
    return this.repository.findAll();
  }

  /** Takes every step that is due, and begins a rotation where a key has signed for long enough. */
  advance(): Promise<RotationStep> {
    return this.change((keys, now) => {
      const isOld = (key: SigningKey): boolean => key.state === 'active' && isDue(key.activatedAt, ACTIVE_MS, now);
      return SIGNING_ALGORITHMS.filter((alg) => keys.some((key) => key.alg === alg && isOld(key)));
    });
  }

  /** Begins a rotation now; while one is under way it goes on as it was. */
  rotate(cause: AuditCause): Promise<RotationStep> {
    return this.change(() => SIGNING_ALGORITHMS, { cause });
  }

  /** For a key that somebody else may have: new keys sign at once, and every token of the old ones is refused from now on. */
  rotateInEmergency(cause: AuditCause): Promise<RotationStep> {
    return this.change(() => SIGNING_ALGORITHMS, { cause, isEmergency: true });
  }

  /** One rotation at a time over all replicas. `wanted` names the algorithms that get a new key if none is waiting. */
  private async change(
    wanted: (keys: Keys, now: Date) => readonly string[],
    { cause, isEmergency = false }: { cause?: AuditCause; isEmergency?: boolean } = {},
  ): Promise<RotationStep> {
    const now = this.clock.now();
    // Making an RSA key takes a moment, which no transaction should wait for.
    const spare = new Map<string, SigningKeyMaterial>();
    for (const alg of wanted(await this.repository.findAll(), now))
      spare.set(alg, await makeSigningKey(alg, this.sealer));
    const step = await this.em.fork().transactional(async (em) => {
      await em.execute(`select pg_advisory_xact_lock(hashtext('signing_keys'))`);
      const before = await em.find(SigningKey, { state: { $ne: 'retired' } });
      const taken = await this.takeSteps(em, { before, spare, now, isEmergency });
      if (cause && total(taken) > 0) await this.record(cause, { before, taken, isEmergency }, now);
      return taken;
    });
    if (total(step) > 0) await this.keys.announceChange();
    return step;
  }

  private async takeSteps(
    em: EntityManager,
    {
      before,
      spare,
      now,
      isEmergency,
    }: { before: Keys; spare: Map<string, SigningKeyMaterial>; now: Date; isEmergency: boolean },
  ): Promise<RotationStep> {
    const step: RotationStep = { next: 0, active: 0, retired: 0 };
    const move = async (
      key: SigningKey,
      state: SigningKey['state'],
      times: Partial<SigningKey> = {},
    ): Promise<void> => {
      await em.nativeUpdate(SigningKey, { kid: key.kid }, { state, ...times, updatedAt: now });
    };
    for (const key of before.filter(({ state }) => state === 'retiring')) {
      if (!isEmergency && !isDue(key.updatedAt, RETIRING_MS, now)) continue;
      await move(key, 'retired', { retiredAt: now });
      step.retired += 1;
    }
    for (const alg of SIGNING_ALGORITHMS) {
      const active = before.find((key) => key.alg === alg && key.state === 'active');
      const waiting = before.find((key) => key.alg === alg && key.state === 'next');
      const made = spare.get(alg);
      if (isEmergency && made) {
        // A key that waits was made where the old ones were, so it is not trusted either.
        for (const key of [active, waiting]) if (key) await move(key, 'retired', { retiredAt: now });
        await em.insert(SigningKey, { ...made, state: 'active', activatedAt: now, createdAt: now, updatedAt: now });
        step.active += 1;
        step.retired += [active, waiting].filter(Boolean).length;
      } else if (waiting && isDue(waiting.createdAt, PUBLISHED_MS, now)) {
        if (active) await move(active, 'retiring');
        await move(waiting, 'active', { activatedAt: now });
        step.active += 1;
      } else if (!waiting && made) {
        await em.insert(SigningKey, { ...made, state: 'next', createdAt: now, updatedAt: now });
        step.next += 1;
      }
    }
    return step;
  }

  private record(
    cause: AuditCause,
    { before, taken, isEmergency }: { before: Keys; taken: RotationStep; isEmergency: boolean },
    now: Date,
  ): Promise<void> {
    const change = {
      action: isEmergency ? 'signing_keys.emergency_rotate' : 'signing_keys.rotate',
      entity: 'signing_keys',
      entityId: 'signing_keys',
      before: Object.fromEntries(before.map(({ kid, state }) => [kid, state])),
      after: taken,
    };
    return this.audit.record(change, cause, now);
  }
}

function isDue(since: Date | null | undefined, waitMs: number, now: Date): boolean {
  return since !== null && since !== undefined && now.getTime() - since.getTime() >= waitMs;
}

function total({ next, active, retired }: RotationStep): number {
  return next + active + retired;
}

/** When the next step is due for a key; null for one that is done with. */
export function nextStepAt(key: SigningKey): Date | null {
  const after = (since: Date | null | undefined, waitMs: number): Date | null =>
    since ? new Date(since.getTime() + waitMs) : null;
  switch (key.state) {
    case 'next':
      return after(key.createdAt, PUBLISHED_MS);
    case 'active':
      return after(key.activatedAt, ACTIVE_MS);
    case 'retiring':
      return after(key.updatedAt, RETIRING_MS);
    case 'retired':
      return null;
  }
}
