import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables } from '../database/rows-of-user.js';

const SECTION = 'analyses';
/** A text may have half a million characters. */
const PAGE = 10;

/** Texts and what was made of them: handed out whole, and deleted with all that belongs to them when their owner is forgotten. */
@Injectable()
export class AnalysisPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    const columns = [
      'subject_id',
      'kind',
      'status',
      'input',
      'result',
      'model_type',
      'credits_ucr',
      'fallback_used',
      'created_at',
    ];
    registerTables(this.registry, this.em, { [SECTION]: { table: 'ai_analyses', columns, page: PAGE } }, [SECTION]);
  }
}
