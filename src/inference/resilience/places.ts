import { OverloadedError } from '../../common/errors/common.errors.js';

/** As many at once as there are places; those beyond wait in order, and those beyond them are turned away. */
export class Places {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly placesMax: number,
    private readonly waitingMax: number,
  ) {}

  /**
   * Waits for a place; what is returned gives it back, once.
   * @throws OverloadedError where too many wait already.
   */
  async enter(): Promise<() => void> {
    if (this.taken < this.placesMax) this.taken += 1;
    else if (this.waiting.length < this.waitingMax) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else {
      const message = 'Too many requests to this model are under way. Try again shortly.';
      throw new OverloadedError(message, { headers: { 'retry-after': '1' } });
    }
    return () => this.leave();
  }

  /** The place goes to the one who has waited longest. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.taken -= 1;
  }
}
