import { setTimeout as sleep } from 'node:timers/promises';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { errors } from './oidc-engine.js';
import { hasNul } from '../../common/domain/nul.js';
import { isPassingFailure } from '../../common/errors/passing-failure.js';
import type { GrantService } from './grant.service.js';
import type { OidcArtifactRepository, StoredArtifact } from './oidc-artifact.repository.js';
import { requestOrigin } from './request-origin.js';

/** Retries of one refresh token inside the grace time: a client and its twin, not a thief. */
const GRACE_USES_MAX = 2;

/** What a stranger makes us store, and how long that may be: an address may do it 1 200 times a minute. */
const OF_STRANGERS = new Set(['Interaction', 'PushedAuthorizationRequest', 'DeviceCode']);
const REQUEST_LENGTH_MAX = 16_384;

const HANDED_OUT = new Set(['RefreshToken', 'AccessToken']);
/** Few, as each waits for a connection for as long as the pool lets it. */
const WRITE_AGAIN_AFTER_MS = [100, 1_000];

export interface OidcAdapterDependencies {
  artifacts: OidcArtifactRepository;
  grants: GrantService;
  now: () => Date;
  /** 0: a refresh token that comes a second time ends the sign-in. */
  refreshGraceSeconds: number;
}

/** Keeps sessions, codes and tokens of the provider in PostgreSQL. Of parallel uses of one token one succeeds. */
export class OidcAdapter implements Adapter {
  constructor(
    private readonly type: string,
    private readonly dependencies: OidcAdapterDependencies,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    if (hasNul(payload)) throw new errors.InvalidRequest('a parameter contains a NUL character');
    if (OF_STRANGERS.has(this.type) && JSON.stringify(payload).length > REQUEST_LENGTH_MAX) {
      throw new errors.InvalidRequest(`a request has at most ${REQUEST_LENGTH_MAX} characters`);
    }
    await this.write(() => this.dependencies.artifacts.upsert(this.type, id, payload, expiresIn));
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.toPayload(await this.dependencies.artifacts.find(this.type, id));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.toPayload(await this.dependencies.artifacts.findByUid(this.type, uid));
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.toPayload(await this.dependencies.artifacts.findByUserCode(this.type, userCode));
  }

  /** @throws errors.InvalidGrant when it was consumed before; then everything made from the same sign-in ends as well. */
  async consume(id: string): Promise<void> {
    const { artifacts, grants } = this.dependencies;
    if (await artifacts.consume(this.type, id)) return;
    const artifact = await artifacts.find(this.type, id);
    if (artifact && this.isInGrace(artifact)) {
      const rule = { consumedAfter: this.graceStart(), usesMax: GRACE_USES_MAX };
      if (await artifacts.consumeInGrace(this.type, id, rule)) return;
      throw new errors.InvalidGrant('refresh token was retried too often');
    }
    const isRefresh = this.type === 'RefreshToken';
    if (artifact?.grantId) {
      const reason = isRefresh ? 'refresh_reuse' : 'code_reuse';
      await grants.revoke({ id: artifact.grantId }, { reason }, requestOrigin());
    }
    throw new errors.InvalidGrant(isRefresh ? 'refresh token already used' : 'code already used');
  }

  async destroy(id: string): Promise<void> {
    await this.dependencies.artifacts.delete(this.type, id);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.dependencies.artifacts.deleteByGrant(this.type, grantId);
  }

  /**
   * What a client gets for a token or a code that is used up by now is written once more where the database had no room: with nothing but the old
   * one in its hands it would come back, be taken for a thief and be signed out.
   */
  private async write(work: () => Promise<void>): Promise<void> {
    for (const waitMs of HANDED_OUT.has(this.type) ? WRITE_AGAIN_AFTER_MS : []) {
      try {
        return await work();
      } catch (error) {
        if (!isPassingFailure(error)) throw error;
        await sleep(waitMs);
      }
    }
    return work();
  }

  private toPayload(artifact: StoredArtifact | undefined): AdapterPayload | undefined {
    if (!artifact) return undefined;
    // Inside the grace time it looks unused; `consume` then counts the retries.
    if (!artifact.consumedAt || this.isInGrace(artifact)) return artifact.payload;
    return { ...artifact.payload, consumed: Math.floor(artifact.consumedAt.getTime() / 1000) };
  }

  private isInGrace({ consumedAt }: StoredArtifact): boolean {
    if (this.dependencies.refreshGraceSeconds === 0 || this.type !== 'RefreshToken' || !consumedAt) return false;
    return consumedAt > this.graceStart();
  }

  private graceStart(): Date {
    const { now, refreshGraceSeconds } = this.dependencies;
    return new Date(now().getTime() - refreshGraceSeconds * 1000);
  }
}
