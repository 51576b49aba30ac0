import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Tier } from '../../common/domain/tiers.js';
import { Notifications } from '../../database/notifications.js';
import { flagReason, type FlagReason, type FlagState, type FlagSubject, isOnFor } from '../domain/feature-flag.js';
import { PeriodicWork } from '../periodic-work.js';
import { FeatureFlag } from './feature-flag.entity.js';

const CHANNEL = 'tollgate_feature_flags';
/** How late a replica may learn of a change whose notification it missed. */
const REFRESH_MS = 15_000;

/** What a module says of a flag of its own. */
export interface FlagDefinition {
  /** Lower case and underscores, e.g. `store_requests`. */
  key: string;
  description: string;
  /** Whether it is on for all, or for nobody, until an operator says otherwise. */
  isOnByDefault: boolean;
}

/** A flag in the hands of the code that asks for it. */
export interface Flag {
  /** Asks nobody: from memory, at most some seconds old. */
  isOn(who: FlagSubject): boolean;
}

/**
 * Switches for what is new: on for a percentage of users, for tiers or for named users, changed by operators without a deployment. Modules
 * define theirs in their constructors; a process knows the state of all in memory, and is told when one changes.
 */
@Injectable()
export class FeatureFlags implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(FeatureFlags.name);
  private readonly definitions = new Map<string, FlagDefinition>();
  private stored: ReadonlyMap<string, FlagState> = new Map();
  private readonly work = new PeriodicWork(REFRESH_MS, () => this.refresh());

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    // One after the other: of two readings at once the older could be the last to arrive.
    await this.notifications.listen(CHANNEL, () => void this.work.run());
    await this.refresh();
    this.work.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.work.stop();
  }

  define(definition: FlagDefinition): Flag {
    const { key } = definition;
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(key)) throw new Error(`"${key}" is no name for a feature flag`);
    if (this.definitions.has(key)) throw new Error(`the feature flag ${key} is defined twice`);
    this.definitions.set(key, definition);
    return { isOn: (who) => isOnFor(this.reasonFor(definition, who)) };
  }

  list(): readonly FlagDefinition[] {
    return [...this.definitions.values()];
  }

  find(key: string): FlagDefinition | undefined {
    return this.definitions.get(key);
  }

  /** Why a flag is on or off for somebody, as this process knows it. */
  reasonFor(definition: FlagDefinition, who: FlagSubject): FlagReason {
    const { key } = definition;
    return flagReason(key, this.stored.get(key) ?? defaultState(definition), who);
  }

  /** Tells every replica that one has changed. To be called after the commit. */
  announce(): Promise<void> {
    return this.notifications.notify(CHANNEL);
  }

  /** Reads all again. Where that fails the last state holds. */
  async refresh(): Promise<void> {
    try {
      const flags = await this.em.fork().find(FeatureFlag, {});
      this.stored = new Map(flags.map((flag) => [flag.key, toState(flag)]));
    } catch (error) {
      this.logger.warn({ err: error }, 'the feature flags could not be read');
    }
  }
}

export function defaultState({ isOnByDefault }: FlagDefinition): FlagState {
  return { isEnabled: isOnByDefault, percent: isOnByDefault ? 100 : 0, tiers: [], userIds: new Set() };
}

export function toState({ isEnabled, percent, tiers, userIds }: FeatureFlag): FlagState {
  return { isEnabled, percent, tiers: tiers as Tier[], userIds: new Set(userIds) };
}
