import { ApiProperty } from '@nestjs/swagger';
import type { Advice, IndexUsage } from '../domain/index-advice.js';

export class Unseen {
  @ApiProperty({ example: 'Slow statements' }) what!: string;
  @ApiProperty({ description: 'How to allow it', example: 'create extension pg_stat_statements;' }) remedy!: string;
}

class Overview {
  @ApiProperty({ example: '18.4' }) version!: string;
  @ApiProperty() bytes!: number;
  @ApiProperty() uptimeSeconds!: number;
  @ApiProperty() isReplica!: boolean;
  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'Of the blocks that were asked for, from 0 to 1; 0.99 is usual',
  })
  cacheHitRatio!: number | null;
  @ApiProperty() commits!: number;
  @ApiProperty() rollbacks!: number;
  @ApiProperty() deadlocks!: number;
  @ApiProperty({ description: 'What sorts and joins wrote to disk' }) temporaryBytes!: number;
  @ApiProperty({ description: 'Vacuum has to act before two thousand million' }) transactionIdAge!: number;
}

class Connections {
  @ApiProperty() max!: number;
  @ApiProperty({ description: 'Of the whole server' }) used!: number;
  @ApiProperty() active!: number;
  @ApiProperty() idleInTransaction!: number;
  @ApiProperty() ofThisDatabase!: number;
}

class Pool {
  @ApiProperty() used!: number;
  @ApiProperty() idle!: number;
  @ApiProperty() waiting!: number;
  @ApiProperty() max!: number;
}

class LongTransaction {
  @ApiProperty() pid!: number;
  @ApiProperty() application!: string;
  @ApiProperty() state!: string;
  @ApiProperty() ageSeconds!: number;
  @ApiProperty({ type: String, nullable: true, example: 'SELECT' }) command!: string | null;
  @ApiProperty({ type: [Number], description: 'The processes that hold what it waits for' }) waitsFor!: number[];
}

class WaitingLock {
  @ApiProperty() pid!: number;
  @ApiProperty({ type: [Number] }) waitsFor!: number[];
  @ApiProperty() lock!: string;
  @ApiProperty() mode!: string;
  @ApiProperty({ type: String, nullable: true }) relation!: string | null;
  @ApiProperty({ type: Number, nullable: true }) seconds!: number | null;
}

class Replica {
  @ApiProperty() name!: string;
  @ApiProperty({ type: String, nullable: true }) state!: string | null;
  @ApiProperty({ type: String, nullable: true }) syncState!: string | null;
  @ApiProperty({ type: Number, nullable: true }) lagSeconds!: number | null;
  @ApiProperty({ type: Number, nullable: true }) lagBytes!: number | null;
}

class ReplicationSlot {
  @ApiProperty() name!: string;
  @ApiProperty({ description: 'One that is not keeps the log for ever' }) isActive!: boolean;
  @ApiProperty({ type: Number, nullable: true }) keptBytes!: number | null;
}

class Bloat {
  @ApiProperty() table!: string;
  @ApiProperty() rows!: number;
  @ApiProperty() deadRows!: number;
  @ApiProperty({ description: 'From 0 to 1' }) deadShare!: number;
  @ApiProperty() bytes!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) lastAutovacuum!: string | null;
}

class SlowStatementView {
  @ApiProperty({ description: 'Normalised: values are $n' }) text!: string;
  @ApiProperty() calls!: number;
  @ApiProperty() totalMs!: number;
  @ApiProperty() meanMs!: number;
  @ApiProperty() rows!: number;
}

export class DatabaseHealthView {
  @ApiProperty({ type: Overview }) overview!: Overview;
  @ApiProperty({ type: Connections }) connections!: Connections;
  @ApiProperty({ type: Pool, description: 'Of the process that answers' }) pool!: Pool;
  @ApiProperty({ type: [LongTransaction], description: 'Longer than half a minute' })
  longTransactions!: LongTransaction[];
  @ApiProperty({ type: [WaitingLock] }) waiting!: WaitingLock[];
  @ApiProperty({ type: [Replica] }) replicas!: Replica[];
  @ApiProperty({ type: [ReplicationSlot] }) replicationSlots!: ReplicationSlot[];
  @ApiProperty({ type: [Bloat], description: 'Tables, or partitions, with the most dead rows' }) bloat!: Bloat[];
  @ApiProperty({ type: [SlowStatementView], description: 'By the time that all their calls took' })
  slowStatements!: SlowStatementView[];
  @ApiProperty({ type: [Unseen], description: 'What this role may not see, and how to allow it' }) unseen!: Unseen[];
}

export class HotTableView {
  @ApiProperty() table!: string;
  @ApiProperty() rows!: number;
  @ApiProperty() sequentialScans!: number;
  @ApiProperty() indexScans!: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Of its scans, from 0 to 1; above 0.95 once it is large' })
  indexScanShare!: number | null;
}

class IndexView {
  @ApiProperty() name!: string;
  @ApiProperty() table!: string;
  @ApiProperty({
    type: 'array',
    items: { type: 'string', nullable: true },
    nullable: true,
    description: 'Null stands for an expression',
  })
  columns!: readonly (string | null)[];
  @ApiProperty() isUnique!: boolean;
  @ApiProperty() isPartial!: boolean;
  @ApiProperty() isValid!: boolean;
  @ApiProperty({ example: 'btree' }) method!: string;
  @ApiProperty() scans!: number;
  @ApiProperty() bytes!: number;
}

class AdviceView {
  @ApiProperty({ enum: ['invalid', 'duplicate', 'unused', 'missing'] }) kind!: Advice['kind'];
  @ApiProperty() table!: string;
  @ApiProperty({ type: String, nullable: true }) index!: string | null;
  @ApiProperty({ description: 'For psql, outside a transaction' }) statement!: string;
  @ApiProperty() reason!: string;
}

export class IndexReportView {
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null: nobody knows since when' })
  countedSince!: string | null;
  @ApiProperty({ type: [HotTableView] }) hotTables!: HotTableView[];
  @ApiProperty({ type: [AdviceView], description: 'The gravest first; look at a plan before you follow it' })
  advice!: Advice[];
  @ApiProperty({ type: [IndexView], description: 'The largest first; the partitions of a table are one' })
  indexes!: IndexUsage[];
  @ApiProperty({ type: [Unseen] }) unseen!: Unseen[];
}
