import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../../common/clock.js';
import { newId } from '../../../common/ids.js';
import { LinkedIdentity } from '../factors.entity.js';
import type { UpstreamPerson } from './upstream-issuers.js';

/** Which person at a provider is which user. */
@Injectable()
export class LinkedIdentityRepository {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  list(userId: string): Promise<LinkedIdentity[]> {
    return this.em
      .fork({ keepTransactionContext: true })
      .find(LinkedIdentity, { userId }, { orderBy: { createdAt: 'asc' } });
  }

  /** Null when nobody has it who is not deleted. */
  async findUserId({ issuer, subject }: UpstreamPerson): Promise<string | null> {
    const rows = await this.em.fork().execute<{ user_id: string }[]>(
      `select l.user_id from linked_identities l join users u on u.id = l.user_id
       where l.issuer = ? and l.subject = ? and u.deleted_at is null`,
      [issuer, subject],
    );
    return rows[0]?.user_id ?? null;
  }

  /** Whether it could be linked: not while it is somebody's. It leaves a deleted user. Joins the caller's transaction. */
  async add(userId: string, { issuer, subject, email }: UpstreamPerson): Promise<boolean> {
    const now = this.clock.now();
    const rows = await this.em.execute<unknown[]>(
      `insert into linked_identities as l (id, user_id, issuer, subject, email, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?)
       on conflict (issuer, subject) do update set user_id = excluded.user_id, email = excluded.email,
         created_at = excluded.created_at, updated_at = excluded.updated_at
       where exists (select from users u where u.id = l.user_id and u.deleted_at is not null)
       returning id`,
      [newId(), userId, issuer, subject, email, now, now],
    );
    return rows.length > 0;
  }

  /** Joins the caller's transaction. */
  async remove(userId: string, id: string): Promise<void> {
    await this.em.nativeDelete(LinkedIdentity, { userId, id });
  }
}
