import { Injectable } from '@nestjs/common';
import { OidcArtifactRepository } from '../../oauth/oidc-artifact.repository.js';

const TYPE = 'PasskeyChallenge';
/** As long as browsers wait for a person. */
const VALID_SECONDS = 5 * 60;

export interface ChallengePurpose {
  purpose: 'create' | 'use';
  /** Whom it was made for; null where that is not known yet. */
  userId: string | null;
}

/** What devices are asked to sign: for one purpose, for a few minutes, once. Kept beside the other short-lived secrets, by hash. */
@Injectable()
export class PasskeyChallenges {
  constructor(private readonly artifacts: OidcArtifactRepository) {}

  async remember(challenge: string, { purpose, userId }: ChallengePurpose): Promise<void> {
    await this.artifacts.upsert(
      TYPE,
      challenge,
      { purpose, ...(userId !== null && { accountId: userId }) },
      VALID_SECONDS,
    );
  }

  /** Whether it was made for this and was not used. */
  async take(challenge: string, { purpose, userId }: ChallengePurpose): Promise<boolean> {
    const found = await this.artifacts.find(TYPE, challenge);
    if (!found || found.payload['purpose'] !== purpose || (found.payload.accountId ?? null) !== userId) return false;
    return this.artifacts.consume(TYPE, challenge);
  }
}
