import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { pageOf } from '../../common/http/paging.js';
import { AuthEvent } from './auth-event.entity.js';

export interface AuthEventFilter {
  userId?: string | undefined;
  grantId?: string | undefined;
  clientId?: string | undefined;
  event?: string | undefined;
  ip?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

/** Reads the record of sign-ins and credentials. */
@Injectable()
export class AuthEventRepository {
  constructor(private readonly em: EntityManager) {}

  /** Newest first, with the id that the next page starts after. */
  async page(
    { from, to, ...equal }: AuthEventFilter,
    { limit, before }: { limit: number; before: string | undefined },
  ): Promise<{ events: AuthEvent[]; next: string | null }> {
    const where = {
      ...Object.fromEntries(Object.entries(equal).filter(([, value]) => value !== undefined)),
      ...(before === undefined ? {} : { id: { $lt: before } }),
      ...(from || to ? { createdAt: { ...(from && { $gte: from }), ...(to && { $lt: to }) } } : {}),
    };
    const found = await this.em.fork().find(AuthEvent, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    const { rows, next } = pageOf(found, limit, ({ id }) => id);
    return { events: rows, next };
  }
}
