import { Injectable } from '@nestjs/common';
import { ModelImportService, type ImportEntry } from '../admin/model-import.service.js';
import { foldOlder, lostColumns, type CostUnit, type FoldedModel, type OlderRow } from '../domain/older-model.js';
import type { WholeModel } from '../model.repository.js';
import { ModelsService, modelEtag } from '../models.service.js';

/** Rows of one transaction. */
const BATCH = 250;
const REASON = 'Imported from the older table of models';
const UNDO_REASON = 'The import of the older table of models was taken back';

/** What becomes of one row of the older table. */
export interface RowReport {
  id: string;
  action: 'create' | 'update' | 'unchanged' | 'refused';
  errors: { field: string; message: string }[];
  notes: string[];
}

/** What an import found and left, so that it can be taken back. */
export interface ImportJournal {
  version: 1;
  models: { id: string; before: WholeModel | null; etagAfter: string }[];
}

interface PlannedRow {
  row: OlderRow;
  model: FoldedModel | null;
  report: RowReport;
}

/** Brings the rows of an older, many-column table of models into the catalogue, and takes that back. */
@Injectable()
export class OlderImportService {
  constructor(
    private readonly imports: ModelImportService,
    private readonly models: ModelsService,
  ) {}

  /** What importing would do with each row. Writes nothing. */
  async plan(rows: readonly OlderRow[], costUnit: CostUnit): Promise<RowReport[]> {
    return (await this.planRows(rows, costUnit)).map(({ report }) => report);
  }

  /**
   * Writes the rows that are not refused, in batches. `keep` is called with the journal before each batch is written and after it, so that
   * an import that breaks off can be taken back as far as it came.
   */
  async import(
    rows: readonly OlderRow[],
    costUnit: CostUnit,
    keep: (journal: ImportJournal) => void,
  ): Promise<RowReport[]> {
    const planned = await this.planRows(rows, costUnit);
    const wanted = planned.filter(({ report }) => report.action === 'create' || report.action === 'update');
    const journal: ImportJournal = { version: 1, models: [] };
    for (let start = 0; start < wanted.length; start += BATCH) {
      const batch = wanted.slice(start, start + BATCH).map(({ model }) => model!);
      const ids = batch.map(({ id }) => id);
      const before = new Map((await this.models.readSome(ids)).map(({ model }) => [model.id, wholeOf(model)]));
      keep({ ...journal, models: [...journal.models, ...ids.map((id) => entryOf(id, before.get(id), ''))] });
      await this.imports.apply(batch, { actorId: null, reason: REASON, ifMatch: '*' });
      for (const stored of await this.models.readSome(ids)) {
        journal.models.push(entryOf(stored.model.id, before.get(stored.model.id), modelEtag(stored)));
      }
      keep(journal);
    }
    return planned.map(({ report }) => report);
  }

  /** The columns of each row whose value the stored model does not hold; a row that is not there has lost all of them. */
  async verify(rows: readonly OlderRow[], costUnit: CostUnit): Promise<{ id: string; lost: string[] }[]> {
    const stored = new Map((await this.models.readSome(rows.map(idOf))).map(({ model }) => [model.id, model]));
    return rows.flatMap((row) => {
      const model = stored.get(idOf(row));
      const lost = model ? lostColumns(row, foldedOf(model), costUnit) : ['*'];
      return lost.length > 0 ? [{ id: idOf(row), lost }] : [];
    });
  }

  /**
   * Makes each model what it was before the import; one that the import created is archived, since its versions are kept for ever. A model
   * that somebody has changed since is left as it is and named.
   */
  async undo(journal: ImportJournal): Promise<{ restored: string[]; archived: string[]; changedSince: string[] }> {
    const result = { restored: [] as string[], archived: [] as string[], changedSince: [] as string[] };
    const stored = new Map(
      (await this.models.readSome(journal.models.map(({ id }) => id))).map((one) => [one.model.id, one]),
    );
    const entries: ImportEntry[] = [];
    for (const { id, before, etagAfter } of journal.models) {
      const present = stored.get(id);
      if (!present) continue;
      if (etagAfter !== '' && modelEtag(present) !== etagAfter) {
        result.changedSince.push(id);
        continue;
      }
      const { name, provider, meta, ...flags } = before ?? {
        ...wholeOf(present.model),
        isAvailable: false,
        isArchived: true,
      };
      entries.push({ id, name, provider, flags, meta });
      (before ? result.restored : result.archived).push(id);
    }
    for (let start = 0; start < entries.length; start += BATCH) {
      const cause = { actorId: null, reason: UNDO_REASON, ifMatch: '*' };
      await this.imports.apply(entries.slice(start, start + BATCH), cause);
    }
    return result;
  }

  private async planRows(rows: readonly OlderRow[], costUnit: CostUnit): Promise<PlannedRow[]> {
    const foldings = rows.map((row) => ({ row, ...foldOlder(row, costUnit) }));
    const folded = foldings.flatMap(({ model }) => model ?? []);
    const { changes } = await this.imports.preview(folded);
    const next = changes.values();
    return foldings.map(({ row, model, errors, notes }) => {
      if (!model) return { row, model, report: { id: idOf(row), action: 'refused', errors, notes } };
      const change = next.next().value!;
      const found = change.errors.map(({ field, message }) => ({
        field: field.replace(/^models\[\d+\]\./, ''),
        message,
      }));
      return { row, model, report: { id: change.id, action: change.action, errors: found, notes } };
    });
  }
}

function idOf(row: OlderRow): string {
  return typeof row['id'] === 'string' ? row['id'] : JSON.stringify(row['id'] ?? null);
}

function foldedOf({ id, name, provider, meta, ...flags }: WholeModel & { id: string }): FoldedModel {
  return { id, name, provider, flags, meta };
}

function wholeOf({ name, provider, isAvailable, isLegacy, isArchived, meta }: WholeModel): WholeModel {
  return { name, provider, isAvailable, isLegacy, isArchived, meta };
}

function entryOf(id: string, before: WholeModel | undefined, etagAfter: string): ImportJournal['models'][number] {
  return { id, before: before ?? null, etagAfter };
}
