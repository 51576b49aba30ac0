import { hostname } from 'node:os';
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { Config } from '../../config/config.js';
import { poolStateOf } from '../../database/pool-state.js';
import { PeriodicWork } from '../periodic-work.js';
import { RequestTimes } from './request-times.js';

const SAMPLE_MS = 60_000;
const DELAY_RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;

/** What is sampled of each process, with its unit. Those of requests are of one minute and one part of the API. */
export const PERFORMANCE_METRICS = {
  event_loop_delay_p99: 'ms',
  event_loop_utilization: 'ratio',
  cpu: 'ratio',
  heap_used: 'bytes',
  memory: 'bytes',
  pool_used: 'connections',
  pool_waiting: 'requests',
  requests: 'requests',
  request_p50: 'ms',
  request_p95: 'ms',
  request_p99: 'ms',
} as const;
export type PerformanceMetricName = keyof typeof PERFORMANCE_METRICS;

interface Sample {
  name: PerformanceMetricName;
  value: number;
  service?: string;
}

/** Every minute what this process is like. A sample that cannot be stored is missing. */
@Injectable()
export class PerformanceSampler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(PerformanceSampler.name);
  private readonly work = new PeriodicWork(SAMPLE_MS, () => this.store());
  private readonly replica: string;
  private delays: ReturnType<typeof monitorEventLoopDelay> | undefined;
  private loop: EventLoopUtilization | undefined;
  private cpu = { used: process.cpuUsage(), at: performance.now() };

  constructor(
    private readonly orm: MikroORM,
    private readonly times: RequestTimes,
    private readonly clock: WallClock,
    { port }: Config,
  ) {
    this.replica = `${hostname()}:${port}`;
  }

  onApplicationBootstrap(): void {
    this.delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    this.delays.enable();
    this.loop = performance.eventLoopUtilization();
    this.work.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.work.stop();
    this.delays?.disable();
  }

  /** Takes and stores one sample of everything since the last. */
  sample(): Promise<void> {
    return this.work.run();
  }

  private async store(): Promise<void> {
    try {
      const samples = [...this.ofProcess(), ...this.ofRequests(), ...(await this.ofPool())];
      const rows = samples.map(({ name, value, service }) => ({
        id: newId(),
        name,
        value,
        unit: PERFORMANCE_METRICS[name],
        labels: { replica: this.replica, ...(service && { service }) },
      }));
      await this.orm.em.fork().execute(
        `insert into performance_metrics (id, name, value, unit, labels, created_at)
         select s.id, s.name, s.value, s.unit, s.labels, ?
           from jsonb_to_recordset(?::jsonb) as s (id uuid, name text, value numeric, unit text, labels jsonb)`,
        [this.clock.now(), JSON.stringify(rows)],
      );
    } catch (error) {
      this.logger.warn({ err: error }, 'a sample of this process could not be stored');
    }
  }

  private ofProcess(): Sample[] {
    const { heapUsed, rss } = process.memoryUsage();
    const loop = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(loop, this.loop);
    this.loop = loop;
    const delay = this.delays && this.delays.count > 0 ? this.delays.percentile(99) / NANOSECONDS_PER_MS : 0;
    this.delays?.reset();
    return [
      { name: 'event_loop_delay_p99', value: Math.max(0, delay - DELAY_RESOLUTION_MS) },
      { name: 'event_loop_utilization', value: utilization },
      { name: 'cpu', value: this.takeCpu() },
      { name: 'heap_used', value: heapUsed },
      { name: 'memory', value: rss },
    ];
  }

  /** Cores that were busy with this process, on average. */
  private takeCpu(): number {
    const { used: before, at: began } = this.cpu;
    const { user, system } = process.cpuUsage(before);
    this.cpu = { used: process.cpuUsage(), at: performance.now() };
    return (user + system) / 1_000 / Math.max(1, this.cpu.at - began);
  }

  private ofRequests(): Sample[] {
    return this.times.take().flatMap(({ service, requests, p50, p95, p99 }) => [
      { name: 'requests' as const, value: requests, service },
      { name: 'request_p50' as const, value: p50, service },
      { name: 'request_p95' as const, value: p95, service },
      { name: 'request_p99' as const, value: p99, service },
    ]);
  }

  private async ofPool(): Promise<Sample[]> {
    const { used, waiting } = await poolStateOf(this.orm);
    return [
      { name: 'pool_used', value: used },
      { name: 'pool_waiting', value: waiting },
    ];
  }
}
