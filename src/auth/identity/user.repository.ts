import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { WallClock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { isTaken } from '../../database/database-errors.js';
import { Notifications } from '../../database/notifications.js';
import type { Language } from '../texts/languages.js';
import { User } from './user.entity.js';

const CHANNEL = 'user_changed';
/**
 * How late a change may show that nobody was told of, as one by hand in the database is. Every other change is told to all processes, and one
 * that lost its connection forgets everything. What costs credits is checked in the database besides.
 */
const STATE_FRESH_MS = 30_000;
const STATES_MAX = 50_000;

/** What every request needs to know of its user. */
export interface UserState {
  role: User['role'];
  status: User['status'];
  isEmailVerified: boolean;
}

export interface NewUser {
  email: string;
  passwordHash: string | null;
  displayName: string | null;
  role: User['role'];
  isEmailVerified: boolean;
  /** English unless told otherwise. */
  language?: Language;
}

export interface UserPage {
  limit: number;
  /** The last id of the page before. */
  before: string | undefined;
  /** Part of an address. */
  email: string | undefined;
  /** Those who are deleted instead of the others. */
  isDeleted: boolean;
}

/** Users that are not deleted, unless it says otherwise. Forks for each question: it is asked outside requests too. */
@Injectable()
export class UserRepository implements OnModuleInit {
  private readonly states = new LRUCache<string, UserState>({
    max: STATES_MAX,
    ttl: STATE_FRESH_MS,
    fetchMethod: (id) => this.readState(id),
  });

  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
    private readonly notifications: Notifications,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.notifications.listen(CHANNEL, (id) => {
      if (id === '') this.states.clear();
      else this.states.delete(id);
    });
  }

  findById(id: string): Promise<User | null> {
    return this.em.fork({ keepTransactionContext: true }).findOne(User, { id, deletedAt: null });
  }

  /** Also one that is deleted. */
  findAny(id: string): Promise<User | null> {
    return this.em.fork().findOne(User, { id });
  }

  /** Whether the user can sign in with one. */
  async hasPassword(id: string): Promise<boolean> {
    return (await this.em.fork({ keepTransactionContext: true }).count(User, { id, passwordHash: { $ne: null } })) > 0;
  }

  /** As it is, until the caller's transaction ends. */
  async lock(id: string): Promise<User | null> {
    const em = this.em.fork({ keepTransactionContext: true });
    return em.findOne(User, { id, deletedAt: null }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  }

  /**
   * Whether nobody could administer the installation without this one. One answer at a time until its transaction ends, so that two who leave at
   * the same time do not each count on the other; not by their rows, of which each has one already.
   */
  async isLastOperator({ id, role, status }: User): Promise<boolean> {
    if (role !== 'admin' || status !== 'active') return false;
    await this.em.execute(`select pg_advisory_xact_lock(hashtext('operators'))`);
    const others = await this.em.execute<{ id: string }[]>(
      `select id from users where role = 'admin' and status = 'active' and deleted_at is null`,
    );
    return others.every((other) => other.id === id);
  }

  /** Deleted before then, and not yet erased. */
  async findErasable(deletedBefore: Date, limit: number): Promise<string[]> {
    const rows = await this.em
      .fork()
      .execute<{ id: string }[]>(
        'select id from users where deleted_at < ? and erased_at is null order by deleted_at limit ?',
        [deletedBefore, limit],
      );
    return rows.map(({ id }) => id);
  }

  /** Null when somebody else erases it, or has brought it back. */
  async lockErasable(id: string, deletedBefore: Date): Promise<{ email: string } | null> {
    const rows = await this.em.execute<{ email: string }[]>(
      'select email from users where id = ? and deleted_at < ? and erased_at is null for update skip locked',
      [id, deletedBefore],
    );
    return rows[0] ?? null;
  }

  findByEmail(email: string): Promise<User | null> {
    return this.em.fork().findOne(User, { email, deletedAt: null }, { populate: ['passwordHash'] });
  }

  /** Role, status and confirmation, at most a moment old; undefined when there is no such user. */
  async stateOf(id: string): Promise<UserState | undefined> {
    // A reading that a change overtakes is thrown away; then the state is read once more.
    return this.states.fetch(id).catch(() => this.readState(id));
  }

  /** Newest first; one more than the limit tells that there is a next page. */
  findPage(page: UserPage): Promise<User[]> {
    return this.em.fork().find(
      User,
      {
        deletedAt: page.isDeleted ? { $ne: null } : null,
        ...(page.before === undefined ? {} : { id: { $lt: page.before } }),
        ...(page.email === undefined ? {} : { email: { $like: `%${escapeLike(page.email)}%` } }),
      },
      { orderBy: { id: 'desc' }, limit: page.limit + 1 },
    );
  }

  /** The new user's id, or null when the address is taken. Joins the caller's transaction. */
  async add({ isEmailVerified, ...user }: NewUser): Promise<string | null> {
    const rows = await this.em.execute<{ id: string }[]>(
      `insert into users (id, email, password_hash, display_name, role, email_verified_at, language)
       values (?, ?, ?, ?, ?::user_role, ?::timestamptz, ?)
       on conflict (email) where deleted_at is null do nothing returning id`,
      [
        newId(),
        user.email,
        user.passwordHash,
        user.displayName,
        user.role,
        isEmailVerified ? this.clock.now().toISOString() : null,
        user.language ?? 'en',
      ],
    );
    return rows[0]?.id ?? null;
  }

  async recordSignIn(id: string): Promise<void> {
    await this.change(id, { lastLoginAt: this.clock.now() });
  }

  /**
   * Whether the hash that a password was compared with is still the user's: comparing takes long enough for another one to be chosen.
   * @param newHash The same password's with today's parameters, where it was made anew.
   */
  async recordPasswordSignIn(id: string, comparedHash: string, newHash: string | undefined): Promise<boolean> {
    const renewed = newHash !== undefined && { passwordHash: newHash };
    return this.changeIfHash(id, comparedHash, { lastLoginAt: this.clock.now(), ...renewed });
  }

  /** Whether it was replaced: not when the one that was shown is not the user's any more. Joins the caller's transaction. */
  async replacePassword(id: string, comparedHash: string, newHash: string): Promise<boolean> {
    return this.changeIfHash(id, comparedHash, { passwordHash: newHash });
  }

  /** Joins the caller's transaction. */
  async setPassword(id: string, passwordHash: string | null): Promise<void> {
    await this.change(id, { passwordHash });
  }

  async setLanguage(id: string, language: Language): Promise<void> {
    await this.em.nativeUpdate(User, { id, language: { $ne: language } }, { language, updatedAt: this.clock.now() });
  }

  async setRole(id: string, role: User['role']): Promise<void> {
    await this.changeState(id, { role });
  }

  async setStatus(id: string, status: User['status']): Promise<void> {
    await this.changeState(id, { status });
  }

  /** Whether it could be set: not when it is somebody else's. Confirmed, as its owner has read a mail there. Joins the caller's transaction. */
  async setEmail(id: string, email: string): Promise<boolean> {
    const now = this.clock.now();
    return this.claimAddress(
      id,
      `update users set email = ?, email_verified_at = ?, updated_at = ?
       where id = ? and not exists (select from users o where o.email = ? and o.deleted_at is null and o.id <> ?)
       returning id`,
      [email, now, now, id, email, id],
    );
  }

  async rename(id: string, displayName: string | null): Promise<void> {
    await this.change(id, { displayName });
  }

  /** Joins the caller's transaction. */
  async markDeleted(id: string): Promise<void> {
    await this.changeState(id, { deletedAt: this.clock.now() });
  }

  /** Whether it could be brought back: not when its address is somebody else's by now. Joins the caller's transaction. */
  async restore(id: string): Promise<boolean> {
    return this.claimAddress(
      id,
      `update users u set deleted_at = null, updated_at = ?
       where id = ? and erased_at is null
         and not exists (select from users o where o.email = u.email and o.deleted_at is null)
       returning id`,
      [this.clock.now(), id],
    );
  }

  /** Nothing of the person is left but the id. Joins the caller's transaction. */
  async anonymise(id: string): Promise<void> {
    await this.change(id, {
      email: `${id}@erased.invalid`,
      emailVerifiedAt: null,
      passwordHash: null,
      displayName: null,
      lastLoginAt: null,
      erasedAt: this.clock.now(),
    });
  }

  /** What this process remembers of the user is read again. */
  forget(id: string): void {
    this.states.delete(id);
  }

  async markVerified(id: string): Promise<void> {
    await this.changeState(id, { emailVerifiedAt: this.clock.now() });
  }

  /** Whether it changed the user. Somebody who takes the address at the same moment is seen by the index alone; then the transaction is over. */
  private async claimAddress(id: string, update: string, values: unknown[]): Promise<boolean> {
    try {
      return (await this.em.execute<unknown[]>(update, values)).length > 0;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    } finally {
      this.states.delete(id);
    }
  }

  private async changeIfHash(id: string, passwordHash: string, values: Partial<User>): Promise<boolean> {
    const changed = { ...values, updatedAt: this.clock.now() };
    return (await this.em.nativeUpdate(User, { id, passwordHash }, changed)) > 0;
  }

  private async change(id: string, values: Partial<User>): Promise<void> {
    await this.em.nativeUpdate(User, { id }, { ...values, updatedAt: this.clock.now() });
  }

  /** Shows at once in this process, and in the others when they have heard of it. */
  private async changeState(id: string, values: Partial<User>): Promise<void> {
    await this.change(id, values);
    this.states.delete(id);
    await this.notifications.notify(CHANNEL, id);
  }

  private async readState(id: string): Promise<UserState | undefined> {
    const rows = await this.em.execute<UserState[]>(
      `select role, status, email_verified_at is not null as "isEmailVerified" from users where id = ? and deleted_at is null`,
      [id],
    );
    return rows[0];
  }
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}
