import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';

/** Half of what Prometheus waits for an answer, where nothing else is said. */
const READING_MS_MAX = 5_000;

/**
 * What `/metrics` shows. A module that measures something makes its prom-client metrics with `registers: [metrics.registry]`; names begin
 * with `tollgate_`, labels have few values: never a user, a request or a model that users can name.
 */
@Injectable()
export class Metrics implements OnModuleInit {
  private readonly logger = new Logger(Metrics.name);
  readonly registry = new Registry();
  private readonly first: (() => Promise<void>)[] = [];
  private shown: Promise<string> | undefined;
  private turn: Promise<void> = Promise.resolve();
  private endsAt = 0;

  /** Measuring the process costs a little all the time; commands are not initialised and do without. */
  onModuleInit(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** For what reading others would change, such as how many wait for a connection: `read` is called before them. */
  readFirst(read: () => Promise<void>): void {
    this.first.push(read);
  }

  /**
   * For a metric that is read from the database when it is asked for: where that fails, or takes too long, it is left out, and the others are shown.
   * One is read after the other, so that asking takes one connection.
   */
  async orNothing(gauge: Gauge, read: () => Promise<void>): Promise<void> {
    empty(gauge);
    const turn = this.turn.then(() => this.inTime(read));
    this.turn = turn.catch(() => undefined);
    try {
      await turn;
    } catch (error) {
      empty(gauge);
      this.logger.warn({ err: error }, 'a metric could not be read');
    }
  }

  /** Prometheus' text format. Who asks meanwhile is told the same. */
  text(): Promise<string> {
    this.shown ??= this.read().finally(() => (this.shown = undefined));
    return this.shown;
  }

  private async read(): Promise<string> {
    this.endsAt = performance.now() + READING_MS_MAX;
    for (const read of this.first) await read();
    return this.registry.metrics();
  }

  /** Not begun once the time is over. */
  private async inTime(read: () => Promise<void>): Promise<void> {
    const msLeft = this.endsAt - performance.now();
    if (msLeft <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the database did not answer in time')), msLeft);
    });
    await Promise.race([read(), late]).finally(() => clearTimeout(timer));
  }
}

/** Without a value: an old figure would say that all is as it was. */
function empty(gauge: Gauge): void {
  const { labelNames } = gauge as Gauge & { labelNames: readonly string[] };
  if (labelNames.length > 0) gauge.reset();
  else gauge.remove();
}
