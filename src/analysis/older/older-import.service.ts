import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { idFor } from './older-id.js';
import { type OlderAnalysis, readOlderAnalysis } from '../domain/older-analysis.js';
import { storedJson } from '../../common/domain/storable.js';

/** Rows of one transaction: few enough to be over in a moment. */
const BATCH = 500;
/** What its column holds, 24 days: what took longer took at least that. */
const TOTAL_MS_MAX = 2 ** 31 - 1;

export interface OlderRowReport {
  /** From 1. */
  row: number;
  id: string | null;
  action: 'create' | 'unchanged' | 'refused';
  faults: readonly string[];
}

interface Candidate {
  row: number;
  analysis: OlderAnalysis & { id: string };
}

/** Takes over finished analyses of an older installation. They are charged already: no credits move. */
@Injectable()
export class OlderAnalysisImport {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
  ) {}

  /**
   * Reports each batch once it is written, or with `isDryRun` would have been. A row whose id is here already stays as it is, so that an import
   * which was cut off is run again; one without an id is known again by what it says.
   */
  async *import(rows: AsyncIterable<unknown>, isDryRun: boolean): AsyncIterable<OlderRowReport[]> {
    let batch: { row: number; value: unknown }[] = [];
    let row = 0;
    for await (const value of rows) {
      batch.push({ row: (row += 1), value });
      if (batch.length < BATCH) continue;
      yield await this.importBatch(batch, isDryRun);
      batch = [];
    }
    if (batch.length > 0) yield await this.importBatch(batch, isDryRun);
  }

  /** Deletes what an import has made, and only that. Returns how many. */
  async undo(ids: readonly string[]): Promise<number> {
    let deleted = 0;
    for (let start = 0; start < ids.length; start += BATCH) {
      const rows = await this.em
        .fork()
        .execute<unknown[]>(
          `delete from ai_analyses where id in (?) and modification_history @> '[{"action": "import"}]' returning id`,
          [ids.slice(start, start + BATCH)],
        );
      deleted += rows.length;
    }
    return deleted;
  }

  private async importBatch(batch: { row: number; value: unknown }[], isDryRun: boolean): Promise<OlderRowReport[]> {
    const reports: OlderRowReport[] = [];
    const candidates: Candidate[] = [];
    for (const { row, value } of batch) {
      const read = readOlderAnalysis(value);
      if ('faults' in read) reports.push({ row, id: null, action: 'refused', faults: read.faults });
      else candidates.push({ row, analysis: { ...read.analysis, id: read.analysis.id ?? idFor(read.analysis) } });
    }
    const owned = await this.withOwners(candidates);
    const made = isDryRun ? await this.absent(owned) : await this.write(owned);
    const ownedRows = new Set(owned.map(({ row }) => row));
    for (const { row, analysis } of candidates) {
      if (!ownedRows.has(row))
        reports.push({ row, id: analysis.id, action: 'refused', faults: ['its user is not known here'] });
      // The first of several with one id; the others find it here.
      else
        reports.push({ row, id: analysis.id, action: made.delete(analysis.id) ? 'create' : 'unchanged', faults: [] });
    }
    return reports.sort((one, other) => one.row - other.row);
  }

  /** Those whose user is here, by id or by address. */
  private async withOwners(candidates: readonly Candidate[]): Promise<(Candidate & { userId: string })[]> {
    const ids = candidates.flatMap(({ analysis }) => analysis.userId ?? []);
    const emails = candidates.flatMap(({ analysis }) => analysis.email ?? []);
    const users = await this.em.fork().execute<{ id: string; email: string }[]>(
      `select id, email from users where deleted_at is null
         and (id in (select (jsonb_array_elements_text(?::jsonb))::uuid) or email in (select (jsonb_array_elements_text(?::jsonb))::citext))`,
      [JSON.stringify(ids), JSON.stringify(emails)],
    );
    const known = new Map(users.flatMap(({ id, email }) => [[id, id] as const, [email.toLowerCase(), id] as const]));
    return candidates.flatMap((candidate) => {
      const userId = known.get(candidate.analysis.userId ?? candidate.analysis.email ?? '');
      return userId === undefined ? [] : [{ ...candidate, userId }];
    });
  }

  private async absent(candidates: readonly Candidate[]): Promise<Set<string>> {
    const ids = candidates.map(({ analysis }) => analysis.id);
    const rows = await this.em
      .fork()
      .execute<{ id: string }[]>(
        `select id from ai_analyses where id in (select (jsonb_array_elements_text(?::jsonb))::uuid)`,
        [JSON.stringify(ids)],
      );
    const present = new Set(rows.map(({ id }) => id));
    return new Set(ids.filter((id) => !present.has(id)));
  }

  /** The ids that were not there before. */
  private async write(candidates: readonly (Candidate & { userId: string })[]): Promise<Set<string>> {
    const now = this.clock.now();
    const rows = candidates.map(({ analysis, userId }) => toRow(analysis, userId, now));
    const written = await this.em.fork().execute<{ id: string }[]>(IMPORT_SQL, [storedJson(rows), now]);
    return new Set(written.map(({ id }) => id));
  }
}

function toRow(analysis: OlderAnalysis & { id: string }, userId: string, now: Date): object {
  const { text, costNusd, createdAt, completedAt, ...rest } = analysis;
  return {
    ...rest,
    userId,
    input: { text },
    costNusd: costNusd.toString(),
    createdAt,
    completedAt,
    totalMs: Math.min(completedAt.getTime() - createdAt.getTime(), TOTAL_MS_MAX),
    history: [{ action: 'import', at: now.toISOString() }],
  };
}

const IMPORT_SQL = `
  insert into ai_analyses (id, user_id, subject_id, kind, priority, status, input, result, analysis_version, model_type, service_tier,
    request_tokens, response_tokens, tokens_used, api_cost_nusd, queued_at, completed_at, processing_ms, total_ms, attempts,
    modification_history, turn_at, created_at, updated_at)
  select r.id, r."userId", r.subject, r.kind, 0, case when r."isCompleted" then 'completed' else 'failed' end::analysis_status, r.input,
    nullif(r.result, 'null'), 1, r.model, coalesce(s.tier, 'free'), r."requestTokens", r."responseTokens", r."tokensUsed", r."costNusd",
    r."createdAt", r."completedAt", r."processingMs", r."totalMs", r.attempts, r.history, r."createdAt", r."createdAt", a.at
  from jsonb_to_recordset(?::jsonb) as r (id uuid, "userId" uuid, subject text, kind text, "isCompleted" boolean, input jsonb, result jsonb,
    model text, "requestTokens" integer, "responseTokens" integer, "tokensUsed" integer, "costNusd" bigint, "createdAt" timestamptz,
    "completedAt" timestamptz, "processingMs" integer, "totalMs" integer, attempts integer, history jsonb)
  cross join (select ?::timestamptz as at) a
  left join subscriptions s on s.user_id = r."userId" and s.status in ('active', 'suspended')
  on conflict (id) do nothing
  returning id`;
