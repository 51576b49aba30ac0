import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { Notifications } from '../../database/notifications.js';
import { AuthGrantRepository } from '../oauth/auth-grant.repository.js';
import { ApiKeyRepository } from './api-key.repository.js';

const CHANNEL = 'sign_in_ended';
/** How late a replica may learn of a revocation whose notification was lost. What costs credits is checked in the database besides. */
const POLL_MS = 5_000;
/** Rows are stamped before they are committed; looking back further than the last poll finds those that were in flight. */
const OVERLAP_MS = 30_000;
/** No access token lives longer, and no API key is known for as long, so a revocation older than this cannot matter any more. */
export const ACCESS_TOKEN_SECONDS_MAX = 24 * 60 * 60;

/** Revoked API keys, and sign-ins whose access tokens have not expired yet: what makes a credential stop working that was checked before. */
@Injectable()
export class RevocationList implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationList.name);
  private revoked = new Map<string, number>();
  private seenUntil: Date | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> = Promise.resolve();

  constructor(
    private readonly grants: AuthGrantRepository,
    private readonly apiKeys: ApiKeyRepository,
    private readonly clock: WallClock,
    private readonly notifications: Notifications,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.notifications.listen(CHANNEL, () => this.look());
    await this.poll();
    this.timer = setInterval(() => this.look(), POLL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.polling;
  }

  /** @param accessId The id of a grant or of an API key. */
  has(accessId: string): boolean {
    return this.revoked.has(accessId);
  }

  /** Takes effect in this process at once, and in the others as soon as they have looked. */
  async announce(accessIds: readonly string[]): Promise<void> {
    if (accessIds.length === 0) return;
    for (const accessId of accessIds) this.add(accessId);
    await this.notifications.notify(CHANNEL);
  }

  private add(accessId: string): void {
    this.revoked.set(accessId, this.clock.now().getTime());
  }

  /** One look after the other: what was ended while one is under way is found by the next. */
  private look(): void {
    this.polling = this.polling
      .then(() => this.poll())
      .catch((error: unknown) => this.logger.warn({ err: error }, 'revocations were not read'));
  }

  private async poll(): Promise<void> {
    const now = this.clock.now();
    const oldest = now.getTime() - ACCESS_TOKEN_SECONDS_MAX * 1000;
    const since = this.seenUntil ? new Date(this.seenUntil.getTime() - OVERLAP_MS) : new Date(oldest);
    for (const grantId of await this.grants.findRevokedSince(since)) this.add(grantId);
    for (const keyId of await this.apiKeys.findRevokedSince(since)) this.add(keyId);
    for (const [accessId, addedAt] of this.revoked) if (addedAt < oldest) this.revoked.delete(accessId);
    this.seenUntil = now;
  }
}
