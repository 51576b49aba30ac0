/** A stopping process does not wait longer for a database that does not answer. */
const STOP_MS_MAX = 2_000;

/** Work that this process does every so often, never twice at once, and once more when it stops. It handles its failures itself. */
export class PeriodicWork {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.run(), this.everyMs);
    this.timer.unref();
  }

  /** Runs it a last time, but not for ever. Work that was never started has nothing to finish. */
  async stop(): Promise<void> {
    if (!this.timer) return;
    clearInterval(this.timer);
    let timeout: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => (timeout = setTimeout(resolve, STOP_MS_MAX)));
    const last = Promise.resolve(this.running).then(() => this.work());
    await Promise.race([last, patience]);
    clearTimeout(timeout);
  }

  private run(): void {
    this.running ??= this.work().finally(() => (this.running = undefined));
  }
}
