import type { EntityData, EntityManager } from '@mikro-orm/postgresql';
import { Analysis } from './analysis.entity.js';
import { storedJson } from '../common/domain/storable.js';

/** What becomes of a row, if it still is as it was seen. */
export interface AnalysisChange {
  seen: Pick<Analysis, 'id' | 'status' | 'attempts'>;
  set: EntityData<Analysis>;
  /** Not where an answer is kept that is still to be charged. */
  isUnanswered: boolean;
  /** Not where its user has called it off. */
  isWanted: boolean;
  /** Whether the whole row is read again, or its id alone. */
  isRead: boolean;
}

/** A row of the table, in its columns, or its id alone. */
export type ChangedRow = { id: string } & Record<string, unknown>;

/** Changes many rows, in one statement for each set of columns. Those that had not moved on, as they are now, by id. */
export async function changeAnalyses(
  em: EntityManager,
  changes: readonly AnalysisChange[],
): Promise<Map<string, ChangedRow>> {
  const changed = new Map<string, ChangedRow>();
  const named = changes.map((change) => toChangedColumns(em, change));
  for (const alike of Map.groupBy(named, ({ isRead, set }) => [isRead, ...Object.keys(set)].join(', ')).values()) {
    const { isRead, set } = alike[0]!;
    const assignments = Object.keys(set).map((column) => `${column} = n.${column}`);
    const rows = await em.execute<ChangedRow[]>(
      `update ai_analyses a set ${assignments.join(', ')}
       from (select * from jsonb_to_recordset(?::jsonb) as r(id uuid, status analysis_status, attempts integer, set jsonb, unanswered boolean, wanted boolean) limit ?) c
       cross join lateral jsonb_populate_record(null::ai_analyses, c.set) n
       where a.id = c.id and a.status = c.status and a.attempts = c.attempts and not (c.unanswered and a.answer is not null)
         and not (c.wanted and a.cancel_requested_at is not null)
       returning ${isRead ? 'a.*' : 'a.id'}`,
      // The limit tells the planner how few they are.
      [storedJson(alike), alike.length],
    );
    for (const row of rows) changed.set(row.id, row);
  }
  return changed;
}

function toChangedColumns(em: EntityManager, change: AnalysisChange) {
  const { seen, set, isUnanswered, isWanted, isRead } = change;
  const { id, status, attempts } = seen;
  const properties = em.getMetadata(Analysis).properties as Record<string, { fieldNames: string[] }>;
  const entries = Object.entries(set).map(([property, value]) => [properties[property]!.fieldNames[0], value ?? null]);
  return {
    id,
    status,
    attempts,
    unanswered: isUnanswered,
    wanted: isWanted,
    isRead,
    set: Object.fromEntries(entries) as Record<string, unknown>,
  };
}
