import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { beforeId, pageOf, type PageQuery } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import {
  catalogueNames,
  type ExportRow,
  type ExportShapeName,
  type ProviderFigure,
} from '../domain/provider-export.js';
import type { ProviderFile } from './provider-file.js';
import { ProviderUsageImport } from './provider-usage.entity.js';

const COLUMNS: Readonly<Record<ProviderFigure, string>> = {
  requests: 'requests',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  costNusd: 'cost_nusd',
};

/** What is known of a file before it is taken. */
export interface FileFacts {
  provider: string;
  shape: ExportShapeName;
  file: ProviderFile;
}

export interface FileSummary {
  firstDay: string;
  lastDay: string;
  /** Names that the catalogue does not have for this provider. */
  unknownModels: string[];
}

/** What the providers say was used of them. */
@Injectable()
export class ProviderUsageService {
  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws InvalidRequestError for a provider that no model is of */
  assertProvider(provider: string): void {
    const known = [...new Set(this.catalogue.list().map((model) => model.provider))].sort();
    if (known.includes(provider)) return;
    throw InvalidRequestError.of([{ field: 'provider', message: `must be one of ${known.join(', ')}` }]);
  }

  /** Newest first. @throws InvalidRequestError */
  async page({ limit, cursor }: PageQuery): Promise<{ rows: ProviderUsageImport[]; next: string | null }> {
    const where = beforeId(cursor);
    const rows = await this.em.fork().find(ProviderUsageImport, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  summarise({ provider, file }: FileFacts): FileSummary {
    const days = file.lines.map(({ day }) => day).sort();
    const models = [...new Set(file.lines.map(({ model }) => model))];
    return {
      firstDay: days[0]!,
      lastDay: days.at(-1)!,
      unknownModels: models.filter((model) => this.nameOf(provider, model) === null).sort(),
    };
  }

  /**
   * Puts what the file says of its days and models in the place of what was said of them before; figures that it does not have stay. A file
   * that was taken already changes nothing, so that an old one does not come back over a newer.
   */
  async import(
    facts: FileFacts,
    cause: AuditCause,
    now: Date,
  ): Promise<{ taken: ProviderUsageImport; isRepeated: boolean }> {
    const { provider, shape, file } = facts;
    const { firstDay, lastDay } = this.summarise(facts);
    return this.em.fork().transactional(async (em) => {
      // One at a time: of two that meet, the second sees what the first has taken.
      await em.execute(`select pg_advisory_xact_lock(hashtextextended('provider_usage', 0))`);
      const before = await em.findOne(ProviderUsageImport, { provider, fileSha256: file.sha256 });
      if (before) return { taken: before, isRepeated: true };
      const taken = em.create(ProviderUsageImport, {
        id: newId(),
        provider,
        shape,
        fileSha256: file.sha256,
        rowCount: file.rowCount,
        firstDay,
        lastDay,
        importedBy: cause.actorId,
        createdAt: now,
      });
      await em.persist(taken).flush();
      await replaceLines(em, { ...facts, lines: this.named(provider, file.lines) });
      await this.audit.record(
        {
          action: 'provider_usage.import',
          entity: 'provider_usage_import',
          entityId: taken.id,
          before: null,
          after: { provider, shape, sha256: file.sha256, rows: file.rowCount, firstDay, lastDay },
        },
        cause,
        now,
      );
      return { taken, isRepeated: false };
    });
  }

  /** The lines under the names of the catalogue, several dated names of a model together. */
  private named(provider: string, lines: readonly ExportRow[]): ExportRow[] {
    const sums = new Map<string, ExportRow>();
    for (const line of lines) {
      const model = this.nameOf(provider, line.model) ?? line.model;
      const key = `${line.day} ${model}`;
      const sum = sums.get(key);
      if (!sum) sums.set(key, { ...line, model, figures: { ...line.figures } });
      else
        for (const [figure, amount] of Object.entries(line.figures) as [ProviderFigure, bigint][])
          sum.figures[figure] = (sum.figures[figure] ?? 0n) + amount;
    }
    return [...sums.values()];
  }

  /** What the provider is sent as the model's name; null where no model of the catalogue is meant. */
  private nameOf(provider: string, written: string): string | null {
    const names = new Set(this.catalogue.list().flatMap((model) => (model.provider === provider ? [model.name] : [])));
    return catalogueNames(written).find((name) => names.has(name)) ?? null;
  }
}

/** In the place of what was said of the same days and models; a provider has a file for each kind of model. */
async function replaceLines(
  em: EntityManager,
  { provider, file, lines }: FileFacts & { lines: ExportRow[] },
): Promise<void> {
  const columns = file.figures.map((figure) => COLUMNS[figure]);
  const rows = lines.map(({ day, model, figures }) => ({
    day,
    model,
    ...Object.fromEntries(file.figures.map((figure) => [COLUMNS[figure], String(figures[figure] ?? 0n)])),
  }));
  await em.execute(
    `insert into provider_usage_days (provider, day, model, ${columns.join(', ')})
     select ?, r.day, r.model, ${columns.map((column) => `r.${column}`).join(', ')}
       from jsonb_to_recordset(?::jsonb) as r (day date, model text, ${columns.map((column) => `${column} bigint`).join(', ')})
     on conflict (provider, day, model) do update set ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    [provider, JSON.stringify(rows)],
  );
}
