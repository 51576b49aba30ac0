import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables } from '../database/rows-of-user.js';

/** What the log and the counts of requests say of a person. The audit trail keeps its lines, whose actor is an empty name by then. */
@Injectable()
export class MonitoringPersonalData implements OnModuleInit {
  constructor(
    private readonly registry: PersonalDataRegistry,
    private readonly em: EntityManager,
  ) {}

  onModuleInit(): void {
    const tables = {
      systemLogs: { table: 'system_logs', columns: ['level', 'service', 'message', 'session_id', 'created_at'] },
      requestCounts: {
        table: 'api_usage',
        columns: [
          'endpoint',
          'method',
          'time_window',
          'request_count',
          'error_count',
          'token_usage',
          'response_ms_sum',
        ],
      },
    };
    registerTables(this.registry, this.em, tables, ['systemLogs', 'requestCounts']);
  }
}
