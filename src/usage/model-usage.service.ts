import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { decodeCursor, encodeCursor, pageOf } from '../common/http/paging.js';
import { isUuid } from '../common/ids.js';
import { CatalogueService } from '../models/catalogue.service.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { MODEL_ID_PATTERN } from '../models/domain/model-meta.js';
import {
  LEGACY_USAGE_SQL,
  visionSql,
  type LegacyUsageRow,
  type VisionGroup,
  type VisionRow,
} from './model-usage.queries.js';
import type { TimeRange } from '../common/http/time-range.js';

/** A year by day, model and tier of a small catalogue; what is beyond is a matter for an export. */
export const VISION_LINES_MAX = 20_000;
const NIL_ID = '00000000-0000-0000-0000-000000000000';

export interface LegacyUsage {
  row: LegacyUsageRow;
  model: CatalogueModel;
}

/** What operators ask about models and their use. */
@Injectable()
export class ModelUsageService {
  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
  ) {}

  /** Vision usage in [from, to) by its groups. */
  async vision(groups: readonly VisionGroup[], range: TimeRange): Promise<VisionRow[]> {
    return this.em.fork().execute<VisionRow[]>(visionSql(groups), [range.from, range.to, VISION_LINES_MAX]);
  }

  /** Who asked for legacy models within a time, its end included. */
  async legacy(
    filter: { modelId?: string | undefined; range: TimeRange },
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{ usages: LegacyUsage[]; nextCursor: string | null }> {
    const { modelId, range } = filter;
    const wanted = this.catalogue.list().filter(({ id, isLegacy }) => isLegacy && (!modelId || modelId === id));
    const [asked, called, user] = placeOf(page.cursor);
    if (wanted.length === 0) return { usages: [], nextCursor: null };
    const ids = wanted.map(({ id }) => id);
    const calls = [ids, range.from, range.to];
    const parameters = [...calls, ...calls, asked, called, user, page.limit + 1];
    const rows = await this.em.fork().execute<LegacyUsageRow[]>(LEGACY_USAGE_SQL, parameters);
    const shown = pageOf(rows, page.limit, (row) => [row.asked_id, row.model_id, row.user_id].join(' '));
    return {
      usages: shown.rows.map((row) => ({ row, model: wanted.find(({ id }) => id === row.asked_id)! })),
      nextCursor: encodeCursor(shown.next),
    };
  }
}

/** The line that a page starts after. @throws InvalidRequestError */
function placeOf(cursor: string | undefined): string[] {
  const place = decodeCursor(cursor, (text) => {
    const [asked = '', called = '', user = '', ...rest] = text.split(' ');
    return MODEL_ID_PATTERN.test(asked) && MODEL_ID_PATTERN.test(called) && isUuid(user) && rest.length === 0;
  });
  return place?.split(' ') ?? ['', '', NIL_ID];
}
