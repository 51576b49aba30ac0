import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';

/** Accounts locked at once, and by that how long a run may make a user's next request wait. */
const ACCOUNTS_MAX = 1_000;

export interface ExpirySummary {
  accounts: number;
  grants: number;
}

/** Takes expired credits off the books. Balances never wait for it: what is over at `now` counts for nothing at `now`. */
@Injectable()
export class GrantExpiryService {
  constructor(private readonly em: EntityManager) {}

  /**
   * Expires what is free of every promo, purchased, rolled-over or adjusted grant that is over at `now`, a transaction per thousand
   * accounts. Safe on every replica at once; accounts that are busy are left for the next run.
   */
  async expireGrants(now: Date, signal?: AbortSignal): Promise<ExpirySummary> {
    const done = { accounts: 0, grants: 0 };
    let after: string | null = null;
    do {
      const chunk = await this.expireSome(now, after);
      done.accounts += chunk.accounts;
      done.grants += chunk.grants;
      after = chunk.found < ACCOUNTS_MAX ? null : chunk.last_user;
    } while (after !== null && !signal?.aborted);
    return done;
  }

  private async expireSome(now: Date, after: string | null): Promise<ExpiryRow> {
    const query = CompiledQuery.raw('select * from tollgate.expire_grants($1, $2, $3)', [now, ACCOUNTS_MAX, after]);
    const { rows } = await this.em.fork().getKysely().executeQuery<ExpiryRow>(query);
    const [row] = rows;
    if (!row) throw new Error('an expiry run has one result');
    return row;
  }
}

interface ExpiryRow {
  found: number;
  last_user: string | null;
  accounts: number;
  grants: number;
}
