import type { EntityData, EntityManager } from '@mikro-orm/postgresql';
import { Analysis } from './analysis.entity.js';

/** What becomes of a row, if it still is as it was seen. */
export interface AnalysisChange {
  seen: Pick<Analysis, 'id' | 'status' | 'attempts'>;
  set: EntityData<Analysis>;
  /** Not where an answer is kept that is still to be charged. */
  isUnanswered: boolean;
}

/** Changes many rows, in one statement for each set of columns. The rows that had not moved on, as they are now, by id. */
export async function changeAnalyses(
  em: EntityManager,
  changes: readonly AnalysisChange[],
): Promise<Map<string, Analysis>> {
  const changed = new Map<string, Analysis>();
  const named = changes.map((change) => toChangedColumns(em, change));
  for (const [columns, alike] of Map.groupBy(named, ({ set }) => Object.keys(set).join(', '))) {
    const assignments = columns.split(', ').map((column) => `${column} = n.${column}`);
    const rows = await em.execute<Record<string, unknown>[]>(
      `update ai_analyses a set ${assignments.join(', ')}
       from (select * from jsonb_to_recordset(?::jsonb) as r(id uuid, status analysis_status, attempts integer, set jsonb, unanswered boolean) limit ?) c
       cross join lateral jsonb_populate_record(null::ai_analyses, c.set) n
       where a.id = c.id and a.status = c.status and a.attempts = c.attempts and not (c.unanswered and a.answer is not null)
       returning a.*`,
      // The limit tells the planner how few they are.
      [JSON.stringify(alike, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), alike.length],
    );
    for (const row of rows) {
      const analysis = em.map(Analysis, row);
      changed.set(analysis.id, analysis);
    }
  }
  return changed;
}

function toChangedColumns(em: EntityManager, { seen: { id, status, attempts }, set, isUnanswered }: AnalysisChange) {
  const properties = em.getMetadata(Analysis).properties as Record<string, { fieldNames: string[] }>;
  const entries = Object.entries(set).map(([property, value]) => [properties[property]!.fieldNames[0], value ?? null]);
  return {
    id,
    status,
    attempts,
    unanswered: isUnanswered,
    set: Object.fromEntries(entries) as Record<string, unknown>,
  };
}
