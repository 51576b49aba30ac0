import { OverloadedError } from '../../common/errors/common.errors.js';

interface Waiting {
  user: string;
  admit: () => void;
  refuse: (error: Error) => void;
}

/**
 * As many at once as there are places. Those beyond wait, and those beyond them are turned away. One user who asks for everything keeps nobody
 * else out: a place that becomes free goes to who has the fewest, and where nobody more may wait, the last of who has and wants the most goes.
 */
export class Places {
  private taken = 0;
  private readonly takenBy = new Map<string, number>();
  private readonly waiting: Waiting[] = [];

  constructor(
    private readonly placesMax: number,
    private readonly waitingMax: number,
    private readonly refusal: () => OverloadedError = noPlace,
  ) {}

  /**
   * Waits for a place; what is returned gives it back, once. Who is given up meanwhile waits no longer.
   * @throws OverloadedError where too many wait already, and the signal's reason.
   */
  async enter(user: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.taken < this.placesMax) {
      this.taken += 1;
      this.count(user, 1);
    } else await this.wait(user, signal);
    return () => this.leave(user);
  }

  private wait(user: string, signal: AbortSignal): Promise<void> {
    if (this.waiting.length >= this.waitingMax) this.makeRoomFor(user);
    let giveUp: () => void;
    return new Promise<void>((admit, refuse) => {
      const waiting = { user, admit, refuse };
      this.waiting.push(waiting);
      giveUp = () => {
        const position = this.waiting.indexOf(waiting);
        if (position === -1) return;
        this.waiting.splice(position, 1);
        refuse(signal.reason as Error);
      };
      signal.addEventListener('abort', giveUp, { once: true });
    }).finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** @throws OverloadedError where nobody has and wants more than `user` would. */
  private makeRoomFor(user: string): void {
    const sharesByUser = new Map(this.takenBy);
    for (const waiting of this.waiting) sharesByUser.set(waiting.user, (sharesByUser.get(waiting.user) ?? 0) + 1);
    let last = -1;
    let most = (sharesByUser.get(user) ?? 0) + 1;
    for (const [position, waiting] of this.waiting.entries()) {
      const share = sharesByUser.get(waiting.user)!;
      if (share < most || (share === most && last === -1)) continue;
      most = share;
      last = position;
    }
    if (last === -1) throw this.refusal();
    this.waiting.splice(last, 1)[0]!.refuse(this.refusal());
  }

  private leave(user: string): void {
    this.count(user, -1);
    const next = this.takeNext();
    if (!next) {
      this.taken -= 1;
      return;
    }
    this.count(next.user, 1);
    next.admit();
  }

  /** Of who has the fewest places, the one who has waited longest. */
  private takeNext(): Waiting | undefined {
    let first = 0;
    for (const [position, { user }] of this.waiting.entries()) {
      if (this.placesOf(user) < this.placesOf(this.waiting[first]!.user)) first = position;
    }
    return this.waiting.splice(first, 1)[0];
  }

  private placesOf(user: string): number {
    return this.takenBy.get(user) ?? 0;
  }

  private count(user: string, change: 1 | -1): void {
    const places = this.placesOf(user) + change;
    if (places === 0) this.takenBy.delete(user);
    else this.takenBy.set(user, places);
  }
}

/** What a call is told that found no place. */
export function noPlace(): OverloadedError {
  const message = 'Too many requests to this model are under way. Try again shortly.';
  return new OverloadedError(message, { headers: { 'retry-after': '1' } });
}
