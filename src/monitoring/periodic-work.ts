/** A stopping process does not wait longer for a database that does not answer. */
const STOP_MS_MAX = 2_000;

/** Work that this process does every so often, never twice at once, and once more when it stops. It handles its failures itself. */
export class PeriodicWork {
  private timer: NodeJS.Timeout | undefined;
  private last: Promise<void> = Promise.resolve();
  private pending = 0;

  constructor(
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      if (this.pending === 0) void this.run();
    }, this.everyMs);
    this.timer.unref();
  }

  /** Does it now, after what is under way. */
  run(): Promise<void> {
    this.pending += 1;
    this.last = this.last.then(() => this.work()).finally(() => (this.pending -= 1));
    return this.last;
  }

  /** Does it a last time, but not for ever. Work that was never started has nothing to finish. */
  async stop(): Promise<void> {
    if (this.end()) await patiently(this.run());
  }

  /** Does it no more; what is under way may come to its end, but not for ever. */
  async halt(): Promise<void> {
    if (this.end()) await patiently(this.last);
  }

  /** Whether there was anything to end. */
  private end(): boolean {
    clearInterval(this.timer);
    return this.timer !== undefined;
  }
}

async function patiently(work: Promise<void>): Promise<void> {
  let timeout: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timeout = setTimeout(resolve, STOP_MS_MAX)));
  await Promise.race([work, patience]);
  clearTimeout(timeout);
}
