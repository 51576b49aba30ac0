import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { WallClock } from '../../common/clock.js';
import { networkOf } from '../../common/domain/network.js';
import { TooManyRequestsError } from '../auth.errors.js';

const WINDOW_MS = 60_000;
/** Twenty a second: more than a large office needs, and few enough to keep what a stranger makes us store bounded. */
export const COUNTED_PER_WINDOW_MAX = 1_200;
const ADDRESSES_MAX = 50_000;

interface Window {
  count: number;
  endsAtMs: number;
}

/**
 * Counts by address, of IPv6 by network, in this process, what costs us something and proves nothing: refused requests, and those that store something for
 * whoever asks. Refreshes and exchanges that succeed are free, however many devices share an address.
 */
@Injectable()
export class EndpointLimiter {
  private readonly windows = new LRUCache<string, Window>({ max: ADDRESSES_MAX });

  constructor(private readonly clock: WallClock) {}

  /** Seconds until the address may come again; 0 when it may now. */
  waitSeconds(ip: string): number {
    const window = this.current(networkOf(ip));
    if (window.count < COUNTED_PER_WINDOW_MAX) return 0;
    return Math.max(1, Math.ceil((window.endsAtMs - this.clock.now().getTime()) / 1_000));
  }

  /** Counts a request that stores something. @throws TooManyRequestsError */
  admit(ip: string): void {
    const waitSeconds = this.waitSeconds(ip);
    if (waitSeconds > 0) throw new TooManyRequestsError(waitSeconds);
    this.count(ip);
  }

  count(ip: string): void {
    const sender = networkOf(ip);
    const window = this.current(sender);
    this.windows.set(sender, { ...window, count: window.count + 1 });
  }

  private current(sender: string): Window {
    const now = this.clock.now().getTime();
    const known = this.windows.get(sender);
    return known && known.endsAtMs > now ? known : { count: 0, endsAtMs: now + WINDOW_MS };
  }
}
