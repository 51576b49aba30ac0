import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { AdapterPayload } from 'oidc-provider';
import { WallClock } from '../../common/clock.js';
import { Sealer } from '../sealer.js';
import { accountOf, hashId, packPayload, unpackPayload, type ArtifactKey } from './artifact-payload.js';
import { OidcArtifact } from './oidc-artifact.entity.js';

export interface StoredArtifact {
  payload: AdapterPayload;
  grantId: string | null;
  consumedAt: Date | null;
}

/**
 * What a browser comes back with. A request that had read one writes it anew at its end, also when it was ended meanwhile; so the ending stays
 * as a mark until the clean-up, an hour later.
 */
const OF_BROWSERS = ['Session', 'Interaction'];

export interface NamedGrant {
  grantId: string;
  expiresInSeconds: number;
}

/** How a token that was used before may be used again: a retry whose answer was lost is no theft. */
export interface GraceRule {
  /** Consumed at or before this is reuse. */
  consumedAfter: Date;
  usesMax: number;
}

/**
 * Sessions, codes and tokens by the hash of their id; no value that works as a credential is stored in the clear. One fork per call: the
 * provider works outside of any request context.
 */
@Injectable()
export class OidcArtifactRepository {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
  ) {}

  async upsert(type: string, id: string, payload: AdapterPayload, expiresInSeconds: number): Promise<void> {
    const key = keyOf(type, id);
    const now = this.clock.now();
    const row = {
      ...key,
      payload: packPayload(key, payload, this.sealer),
      grantId: payload.grantId ?? null,
      uid: type === 'Session' ? (payload.uid ?? null) : null,
      userCodeHash: payload.userCode ? hashId(payload.userCode) : null,
      accountId: accountOf(payload),
      clientId: payload.clientId ?? null,
      expiresAt: new Date(now.getTime() + expiresInSeconds * 1000),
      updatedAt: now,
    };
    await this.em.fork().upsert(OidcArtifact, row, {
      onConflictFields: ['type', 'idHash'],
      onConflictExcludeFields: ['type', 'idHash'],
      onConflictAction: 'merge',
      ...(OF_BROWSERS.includes(type) && { onConflictWhere: { consumedAt: null } }),
    });
  }

  /** Whether this call was the first to bring the id, over all replicas; it is remembered until it expires. */
  async addOnce(type: string, id: string, expiresInSeconds: number): Promise<boolean> {
    const expiresAt = new Date(this.clock.now().getTime() + expiresInSeconds * 1000);
    const rows = await this.em.fork().execute<unknown[]>(
      `insert into oidc_artifacts (type, id_hash, payload, expires_at) values (?, decode(?, 'hex'), '{}', ?)
       on conflict do nothing returning type`,
      [type, hashId(id).toString('hex'), expiresAt],
    );
    return rows.length > 0;
  }

  /** The grant that the first caller named for the id, over all replicas. Joins the transaction of `em`; whoever comes meanwhile waits for its end. */
  async grantOnce(type: string, id: string, named: NamedGrant, em: EntityManager): Promise<string> {
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + named.expiresInSeconds * 1000);
    const rows = await em.execute<{ grant_id: string }[]>(
      `insert into oidc_artifacts (type, id_hash, payload, grant_id, expires_at) values (?, decode(?, 'hex'), '{}', ?, ?)
       on conflict (type, id_hash) do update set updated_at = ? returning grant_id`,
      [type, hashId(id).toString('hex'), named.grantId, expiresAt, now],
    );
    return rows[0]!.grant_id;
  }

  async find(type: string, id: string): Promise<StoredArtifact | undefined> {
    return this.open(await this.em.fork({ keepTransactionContext: true }).findOne(OidcArtifact, keyOf(type, id)), id);
  }

  async findByUid(type: string, uid: string): Promise<StoredArtifact | undefined> {
    return this.open(await this.em.fork().findOne(OidcArtifact, { type, uid }));
  }

  async findByUserCode(type: string, userCode: string): Promise<StoredArtifact | undefined> {
    return this.open(await this.em.fork().findOne(OidcArtifact, { type, userCodeHash: hashId(userCode) }));
  }

  /** Whether this call was the one that consumed it. The condition is in the statement: of parallel calls one succeeds. */
  async consume(type: string, id: string): Promise<boolean> {
    const now = this.clock.now();
    const unused = { ...keyOf(type, id), consumedAt: null };
    const em = this.em.fork({ keepTransactionContext: true });
    return (await em.nativeUpdate(OidcArtifact, unused, { consumedAt: now, updatedAt: now })) > 0;
  }

  /** Whether it was consumed so recently, and retried so rarely, that one more use is let through. */
  async consumeInGrace(type: string, id: string, rule: GraceRule): Promise<boolean> {
    const rows = await this.em.fork().execute<unknown[]>(
      `update oidc_artifacts set grace_uses = grace_uses + 1
       where type = ? and id_hash = decode(?, 'hex') and consumed_at > ?::timestamptz and grace_uses < ? returning grace_uses`,
      [type, hashId(id).toString('hex'), rule.consumedAfter.toISOString(), rule.usesMax],
    );
    return rows.length > 0;
  }

  async delete(type: string, id: string): Promise<void> {
    if (OF_BROWSERS.includes(type)) await this.end(keyOf(type, id), this.em.fork());
    else await this.em.fork().nativeDelete(OidcArtifact, keyOf(type, id));
  }

  /** Everything of one type that was made from the grant. */
  async deleteByGrant(type: string, grantId: string): Promise<void> {
    await this.em.fork().nativeDelete(OidcArtifact, { type, grantId });
  }

  async deleteAllByGrant(grantIds: string[]): Promise<void> {
    if (grantIds.length > 0) await this.em.fork().nativeDelete(OidcArtifact, { grantId: { $in: grantIds } });
  }

  /** Ends what keeps the user signed in in browsers, and every sign-in that is half done. Joins the transaction of `em`. */
  async deleteSessions(accountId: string, em: EntityManager): Promise<void> {
    await this.end({ type: { $in: OF_BROWSERS }, accountId }, em);
  }

  private async end(which: FilterQuery<OidcArtifact>, em: EntityManager): Promise<void> {
    const now = this.clock.now();
    const ended = { payload: {}, accountId: null, uid: null, consumedAt: now, expiresAt: now, updatedAt: now };
    await em.nativeUpdate(OidcArtifact, which, ended);
  }

  private open(row: OidcArtifact | null, id?: string): StoredArtifact | undefined {
    if (!row || row.expiresAt <= this.clock.now()) return undefined;
    if (row.consumedAt && OF_BROWSERS.includes(row.type)) return undefined;
    const key = { type: row.type, idHash: Buffer.from(row.idHash) };
    return {
      payload: unpackPayload(key, row.payload, this.sealer, id),
      grantId: row.grantId ?? null,
      consumedAt: row.consumedAt ?? null,
    };
  }
}

function keyOf(type: string, id: string): ArtifactKey {
  return { type, idHash: hashId(id) };
}
