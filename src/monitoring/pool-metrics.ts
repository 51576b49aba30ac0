import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Config } from '../config/config.js';
import { poolStateOf } from '../database/pool-state.js';
import { Metrics } from './metrics.js';

/** How busy the connections of this process are. */
@Injectable()
export class PoolMetrics implements OnModuleInit {
  constructor(
    private readonly orm: MikroORM,
    private readonly metrics: Metrics,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    const { registry } = this.metrics;
    const read = (gauge: Gauge): Promise<void> =>
      this.metrics.orNothing(async () => {
        const { used, idle } = await poolStateOf(this.orm);
        gauge.set({ state: 'used' }, used);
        gauge.set({ state: 'idle' }, idle);
      });
    new Gauge({
      name: 'tollgate_pool_connections',
      help: 'Database connections of this process',
      labelNames: ['state'],
      registers: [registry],
      collect() {
        return read(this);
      },
    });
    const readWaiting = (gauge: Gauge): Promise<void> =>
      this.metrics.orNothing(async () => gauge.set((await poolStateOf(this.orm)).waiting));
    new Gauge({
      name: 'tollgate_pool_waiting',
      help: 'Who waits for a database connection of this process',
      registers: [registry],
      collect() {
        return readWaiting(this);
      },
    });
    new Gauge({
      name: 'tollgate_pool_connections_max',
      help: 'Database connections that this process may have',
      registers: [registry],
    }).set(this.config.databasePoolSize);
  }
}
