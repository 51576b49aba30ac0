import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { assertIfMatch } from '../../common/http/etag.js';
import type { FlagState } from '../domain/feature-flag.js';
import { type AuditCause, AuditTrail } from '../audit-trail.service.js';
import { FeatureFlagNotFoundError } from '../monitoring.errors.js';
import { FeatureFlag } from './feature-flag.entity.js';
import { etagOfFlag, toFlagView, type UpdateFlagRequest } from './feature-flags.dto.js';
import { defaultState, FeatureFlags, type FlagDefinition, toState } from './feature-flags.service.js';

/** A flag of the code, or one that is stored and that no code asks for any more. */
export interface KnownFlag {
  key: string;
  description: string;
  isDefined: boolean;
  /** Whether an operator has said for whom it is on. */
  isStored: boolean;
  state: FlagState;
}

type Cause = AuditCause & { ifMatch: string };

/** The flags as operators read and change them. */
@Injectable()
export class FeatureFlagAdmin {
  constructor(
    private readonly em: EntityManager,
    private readonly flags: FeatureFlags,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  /** By key, as stored now. */
  async list(): Promise<KnownFlag[]> {
    const stored = await this.em.fork().find(FeatureFlag, {});
    const keys = new Set([...this.flags.list(), ...stored].map(({ key }) => key));
    return [...keys].toSorted().map((key) => this.known(key, stored.find((flag) => flag.key === key) ?? null)!);
  }

  /** @throws FeatureFlagNotFoundError */
  async read(key: string): Promise<KnownFlag> {
    return this.mustBeKnown(key, await this.em.fork().findOne(FeatureFlag, { key }));
  }

  /** @throws FeatureFlagNotFoundError, IfMatchRequiredError, StaleEtagError */
  async update(key: string, asked: UpdateFlagRequest, cause: Cause): Promise<KnownFlag> {
    const { isEnabled, percent, tiers, userIds } = asked;
    return this.change('update', key, cause, async (em, flag, now) => {
      em.assign(flag, {
        ...(isEnabled !== undefined && { isEnabled }),
        ...(percent !== undefined && { percent }),
        ...(tiers && { tiers }),
        ...(userIds && { userIds }),
        updatedBy: cause.actorId,
        updatedAt: now,
      });
      await em.flush();
    });
  }

  /** Back to the default of the code; one that no code asks for is gone. @throws as `update` does */
  async reset(key: string, cause: Cause): Promise<void> {
    await this.change('reset', key, cause, async (em, flag) => em.remove(flag).flush());
  }

  private async change(
    action: 'update' | 'reset',
    key: string,
    cause: Cause,
    write: (em: EntityManager, flag: FeatureFlag, now: Date) => Promise<void>,
  ): Promise<KnownFlag> {
    const now = this.clock.now();
    const changed = await this.em.fork().transactional(async (em) => {
      const flag = await this.lock(em, key, now);
      const before = this.mustBeKnown(key, flag);
      assertIfMatch(cause.ifMatch, etagOfFlag(before));
      await write(em, flag, now);
      const after = this.known(key, action === 'update' ? flag : null);
      const [was, is] = [toFlagView(before), after && toFlagView(after)];
      const line = { action: `feature_flag.${action}`, entity: 'feature_flag', entityId: key, before: was, after: is };
      await this.audit.record(line, cause, now);
      return after ?? before;
    });
    await this.flags.announce();
    return changed;
  }

  /** The flag's row, made from the default where there is none, so that of two changes at once the second sees the first. */
  private async lock(em: EntityManager, key: string, now: Date): Promise<FeatureFlag> {
    const definition = this.flags.find(key);
    if (definition) {
      const { isEnabled, percent } = defaultState(definition);
      const { description } = definition;
      const row = { key, description, isEnabled, percent, tiers: [], userIds: [], createdAt: now, updatedAt: now };
      await em.upsert(FeatureFlag, row, { onConflictAction: 'ignore' });
    }
    const flag = await em.findOne(FeatureFlag, { key }, { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true });
    if (!flag) throw new FeatureFlagNotFoundError(key);
    return flag;
  }

  private mustBeKnown(key: string, stored: FeatureFlag | null): KnownFlag {
    const flag = this.known(key, stored);
    if (!flag) throw new FeatureFlagNotFoundError(key);
    return flag;
  }

  private known(key: string, stored: FeatureFlag | null): KnownFlag | null {
    const definition = this.flags.find(key);
    if (!definition && !stored) return null;
    return {
      key,
      description: definition?.description ?? stored!.description,
      isDefined: definition !== undefined,
      isStored: stored !== null,
      state: stored ? toState(stored) : defaultState(definition as FlagDefinition),
    };
  }
}
