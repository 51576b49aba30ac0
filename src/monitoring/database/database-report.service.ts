import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { sqlStateOf } from '../../database/database-errors.js';
import { poolStateOf } from '../../database/pool-state.js';
import {
  type Advice,
  adviseIndexes,
  type ForeignKey,
  type IndexUsage,
  type Statement,
  type TableUsage,
} from '../domain/index-advice.js';
import type { DatabaseHealthView, HotTableView, Unseen } from './database.dto.js';
import {
  BLOAT_SQL,
  CONNECTIONS_SQL,
  LONG_TRANSACTIONS_SQL,
  OVERVIEW_SQL,
  PRIVILEGES_SQL,
  REPLICAS_SQL,
  SLOTS_SQL,
  statementsSql,
  WAITING_SQL,
} from './health.queries.js';
import { HOT_TABLES } from './hot-tables.js';
import { COLUMNS_SQL, COUNTED_SINCE_SQL, FOREIGN_KEYS_SQL, INDEXES_SQL, TABLES_SQL } from './index-usage.queries.js';

/** A request's transaction may take ten; what is older holds back vacuum. */
const LONG_TRANSACTION_SECONDS = 30;
/** Below it vacuum has nothing to do. */
const DEAD_ROWS_MIN = 1_000;
const STATEMENTS_MAX = 20;
const DAY_MS = 86_400_000;
const NOT_LOADED = '55000';

export interface SlowStatement extends Statement {
  calls: number;
  meanMs: number;
  rows: number;
}

interface Statements {
  slow: SlowStatement[];
  unseen: Unseen[];
}

export interface IndexReport {
  hotTables: HotTableView[];
  indexes: IndexUsage[];
  advice: Advice[];
  countedSince: Date | null;
  unseen: Unseen[];
}

/** What PostgreSQL tells of itself to a plain role, and what it does not. */
@Injectable()
export class DatabaseReport {
  constructor(
    private readonly orm: MikroORM,
    private readonly clock: WallClock,
    private readonly config: Config,
  ) {}

  async health(): Promise<DatabaseHealthView> {
    const [overview] = await this.ask<DatabaseHealthView['overview']>(OVERVIEW_SQL);
    const [connections] = await this.ask<DatabaseHealthView['connections']>(CONNECTIONS_SQL);
    const statements = await this.statements();
    return {
      overview: overview!,
      connections: connections!,
      pool: { ...(await poolStateOf(this.orm)), max: this.config.databasePoolSize },
      longTransactions: await this.ask(LONG_TRANSACTIONS_SQL, [LONG_TRANSACTION_SECONDS]),
      waiting: await this.ask(WAITING_SQL),
      replicas: await this.ask(REPLICAS_SQL),
      replicationSlots: await this.ask(SLOTS_SQL),
      bloat: await this.ask(BLOAT_SQL, [DEAD_ROWS_MIN]),
      slowStatements: statements.slow,
      unseen: statements.unseen,
    };
  }

  async indexes(): Promise<IndexReport> {
    const tables = await this.tables();
    const indexes = await this.ask<IndexUsage>(INDEXES_SQL);
    const foreignKeys = await this.ask<ForeignKey>(FOREIGN_KEYS_SQL);
    const columns = await this.ask<{ table: string; columns: string[] }>(COLUMNS_SQL);
    const [counted] = await this.ask<{ since: string | null }>(COUNTED_SINCE_SQL);
    const countedSince = counted?.since ? new Date(counted.since) : null;
    const statements = await this.statements();
    const advice = adviseIndexes({
      tables,
      indexes,
      foreignKeys,
      columns: new Map(columns.map((one) => [one.table, one.columns])),
      statements: statements.slow,
      countedDays: countedSince && (this.clock.now().getTime() - countedSince.getTime()) / DAY_MS,
    });
    return {
      hotTables: tables.filter(isHot).map(toHotTable),
      indexes,
      advice,
      countedSince,
      unseen: statements.unseen,
    };
  }

  /** How often each table was read, its partitions together. */
  tables(): Promise<TableUsage[]> {
    return this.ask<TableUsage>(TABLES_SQL);
  }

  private async statements(): Promise<Statements> {
    const [privileges] = await this.ask<{ role: string; seesAll: boolean; schema: string | null }>(PRIVILEGES_SQL);
    const { role, seesAll, schema } = privileges!;
    const unseen: Unseen[] = [];
    if (!seesAll)
      unseen.push({
        what: 'Transactions, replicas and statements of other roles',
        remedy: `As a superuser: grant pg_read_all_stats to ${role};`,
      });
    if (schema === null)
      return { slow: [], unseen: [...unseen, { what: 'Slow statements', remedy: EXTENSION_REMEDY }] };
    try {
      return { slow: await this.ask<SlowStatement>(statementsSql(schema), [STATEMENTS_MAX]), unseen };
    } catch (error) {
      if (sqlStateOf(error) !== NOT_LOADED) throw error;
      return { slow: [], unseen: [...unseen, { what: 'Slow statements', remedy: LIBRARY_REMEDY }] };
    }
  }

  private ask<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.orm.em.fork().execute<Row[]>(sql, parameters);
  }
}

const LIBRARY_REMEDY = 'Set shared_preload_libraries = pg_stat_statements and restart the server.';
const EXTENSION_REMEDY = `In this database, as its owner or a superuser: create extension pg_stat_statements schema public; If it then says that it must be loaded: ${LIBRARY_REMEDY}`;

function isHot({ name }: TableUsage): boolean {
  return HOT_TABLES.some((hot) => hot === name);
}

export function toHotTable(table: TableUsage): HotTableView {
  const { name, rows, sequentialScans, indexScans } = table;
  const scans = sequentialScans + indexScans;
  return { table: name, rows, sequentialScans, indexScans, indexScanShare: scans === 0 ? null : indexScans / scans };
}
