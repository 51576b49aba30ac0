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
    const registers = [registry];
    const connections = new Gauge({
      name: 'tollgate_pool_connections',
      help: 'Database connections of this process',
      labelNames: ['state'],
      registers,
    });
    const queue = new Gauge({
      name: 'tollgate_pool_waiting',
      help: 'Who waits for a database connection of this process',
      registers,
    });
    this.metrics.readFirst(async () => {
      const { used, idle, waiting } = await poolStateOf(this.orm);
      connections.set({ state: 'used' }, used);
      connections.set({ state: 'idle' }, idle);
      queue.set(waiting);
    });
    new Gauge({
      name: 'tollgate_pool_connections_max',
      help: 'Database connections that this process may have',
      registers,
    }).set(this.config.databasePoolSize);
  }
}
