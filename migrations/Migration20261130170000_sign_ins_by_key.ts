import { Migration } from '@mikro-orm/migrations';
import { rewriteFunction } from './rewrite-function.js';

/**
 * A reservation looks up its sign-in or API key by the key of the row. As a subquery the look-up was hashed wherever the planner thought a whole
 * table cheaper to read than ten rows by their keys: with some 1 500 sign-ins or fewer, every batch read them all.
 */
export class Migration20261130170000_sign_ins_by_key extends Migration {
  override up(): void {
    this.addSql(
      rewriteFunction('reserve_batch', [
        [LOOKED_FOR, JOINED_FOR],
        [USERS, USERS_AND_ACCESSES],
      ]),
    );
  }

  override down(): void {
    this.addSql(
      rewriteFunction('reserve_batch', [
        [JOINED_FOR, LOOKED_FOR],
        [USERS_AND_ACCESSES, USERS],
      ]),
    );
  }
}

const LOOKED_FOR = `      when not exists (
          select from auth_grants x
          where x.id = p_accesses[i] and x.user_id = m.user_id and x.revoked_at is null and x.expires_at > access_now
        ) and not exists (
          select from api_keys x
          where x.id = p_accesses[i] and x.user_id = m.user_id and x.revoked_at is null and (x.expires_at is null or x.expires_at > access_now)
        ) then 'access_revoked'
`;
const JOINED_FOR = `      when s.id is null and a.id is null then 'access_revoked'
`;

const USERS = `    left join users u on u.id = m.user_id
    left join credit_holds h`;
const USERS_AND_ACCESSES = `    left join users u on u.id = m.user_id
    left join auth_grants s on s.id = p_accesses[i] and s.user_id = m.user_id and s.revoked_at is null and s.expires_at > access_now
    left join api_keys a on a.id = p_accesses[i] and a.user_id = m.user_id and a.revoked_at is null
      and (a.expires_at is null or a.expires_at > access_now)
    left join credit_holds h`;
