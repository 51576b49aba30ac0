import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { isScanned, rowsPerScan, type TableUsage } from '../domain/index-advice.js';
import { Metrics } from '../metrics.js';
import { DatabaseReport, toHotTable } from './database-report.service.js';
import { HOT_TABLES } from './hot-tables.js';

/** What was counted of one table at one time. */
export type ScanCounts = Record<string, Pick<TableUsage, 'sequentialScans' | 'sequentialRows'>>;

/** How the hot tables were read between two times. */
export interface HotTableScans {
  counts: ScanCounts;
  /** A sentence about each table that was read from end to end again and again since `before`, or null. */
  findings: { table: string; finding: string | null }[];
}

/** Watches how the tables are read that every request reads. */
@Injectable()
export class HotTableWatch implements OnModuleInit {
  constructor(
    private readonly report: DatabaseReport,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    const read = (gauge: Gauge): Promise<void> => this.metrics.orNothing(gauge, () => this.readShares(gauge));
    new Gauge({
      name: 'tollgate_hot_table_index_scan_share',
      help: 'Of all scans of a hot table those by an index, 0 to 1, the same on every replica',
      labelNames: ['table'],
      registers: [this.metrics.registry],
      collect() {
        return read(this);
      },
    });
  }

  /** What happened since the counts of before. Where those are missing, or younger than a reset of the counters, nothing is found. */
  async since(before: ScanCounts): Promise<HotTableScans> {
    const tables = await this.hotTables();
    const counts = Object.fromEntries(
      tables.map(({ name, sequentialScans, sequentialRows }) => [name, { sequentialScans, sequentialRows }]),
    );
    return {
      counts,
      findings: tables.map((table) => ({ table: table.name, finding: findingOf(table, before[table.name]) })),
    };
  }

  private async hotTables(): Promise<TableUsage[]> {
    const tables = await this.report.tables();
    return tables.filter(({ name }) => HOT_TABLES.some((hot) => hot === name));
  }

  private async readShares(gauge: Gauge): Promise<void> {
    for (const { table, indexScanShare } of (await this.hotTables()).map(toHotTable))
      if (indexScanShare !== null) gauge.set({ table }, indexScanShare);
  }
}

function findingOf(table: TableUsage, before: ScanCounts[string] | undefined): string | null {
  if (!before) return null;
  const sequentialScans = table.sequentialScans - before.sequentialScans;
  const sequentialRows = table.sequentialRows - before.sequentialRows;
  const recent = { ...table, sequentialScans, sequentialRows };
  if (!isScanned(recent)) return null;
  return `${table.name} was read from end to end ${sequentialScans} times, ${rowsPerScan(recent)} rows each time: GET /admin/database/indexes.`;
}
