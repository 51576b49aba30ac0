import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Notifications } from '../../database/notifications.js';
import { sqlStateOf } from '../../database/database-errors.js';
import { PreferredModelNotFoundError } from '../auth.errors.js';
import { UserPreferences } from './user-preferences.entity.js';

export interface Preferences {
  /** The id of a model. */
  defaultModel: string | null;
  temperature: number | null;
  /** Whether to stream where a request does not say and takes a stream. */
  streaming: boolean;
}

export const NO_PREFERENCES: Readonly<Preferences> = { defaultModel: null, temperature: null, streaming: false };

/** Users remembered at a time, and how long one that was missed may go unseen: every change is also told to all replicas. */
const USERS_MAX = 10_000;
const KNOWN_MS = 30_000;
const CHANNEL = 'tollgate_preferences';
const FOREIGN_KEY_VIOLATION = '23503';

/** What users want where a request says nothing. Read by many requests and changed seldom. */
@Injectable()
export class PreferencesService implements OnModuleInit {
  private readonly known = new LRUCache<string, Readonly<Preferences>>({
    max: USERS_MAX,
    ttl: KNOWN_MS,
  });
  /** Moves with every change that is told: what was read before it is not remembered after it. */
  private changes = 0;

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.notifications.listen(CHANNEL, (userId) => this.forget(userId));
  }

  /** At most a moment old. */
  async of(userId: string): Promise<Readonly<Preferences>> {
    const known = this.known.get(userId);
    if (known) return known;
    const { changes } = this;
    const stored = await this.stored(userId);
    if (changes === this.changes) this.known.set(userId, stored);
    return stored;
  }

  /** As they are at this moment. */
  async stored(userId: string): Promise<Readonly<Preferences>> {
    const rows = await this.em.execute<Preferences[]>(
      `select default_model_id as "defaultModel", temperature::float8 as temperature, streaming from user_preferences where user_id = ?`,
      [userId],
    );
    return rows[0] ?? NO_PREFERENCES;
  }

  /**
   * Replaces all of them.
   * @throws PreferredModelNotFoundError
   */
  async replace(userId: string, wanted: Preferences, now: Date): Promise<void> {
    const row = {
      userId,
      defaultModelId: wanted.defaultModel,
      temperature: wanted.temperature === null ? null : String(wanted.temperature),
      streaming: wanted.streaming,
      updatedAt: now,
    };
    try {
      await this.em.fork().upsert(UserPreferences, row, { onConflictExcludeFields: ['settings', 'createdAt'] });
    } catch (error) {
      // The user was there when the token was checked: it is the model that is not.
      if (sqlStateOf(error) !== FOREIGN_KEY_VIOLATION || wanted.defaultModel === null) throw error;
      throw new PreferredModelNotFoundError(wanted.defaultModel);
    }
    this.forget(userId);
    await this.notifications.notify(CHANNEL, userId);
  }

  /** All of them where a lost connection may have hidden whose. */
  private forget(userId: string): void {
    this.changes += 1;
    if (userId) this.known.delete(userId);
    else this.known.clear();
  }
}
