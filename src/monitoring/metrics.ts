import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * What `/metrics` shows. A module that measures something makes its prom-client metrics with `registers: [metrics.registry]`; names begin
 * with `tollgate_`, labels have few values: never a user, a request or a model that users can name.
 */
@Injectable()
export class Metrics implements OnModuleInit {
  private readonly logger = new Logger(Metrics.name);
  readonly registry = new Registry();

  /** Measuring the process costs a little all the time; commands are not initialised and do without. */
  onModuleInit(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** For a metric that is read from the database when it is asked for: where that fails it is left out, and the others are shown. */
  async orNothing(read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      this.logger.warn({ err: error }, 'a metric could not be read');
    }
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }
}
