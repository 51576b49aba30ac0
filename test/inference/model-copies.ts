import { CatalogueService } from '../../src/models/catalogue.service.js';
import type { TestApp } from '../support/test-app.js';

export interface ModelCopy {
  id: string;
  /** The seeded model that it is otherwise like. */
  like: string;
  provider?: string;
  /** Merged into the meta. */
  meta?: Record<string, unknown>;
}

/** Adds a model that is like a seeded one but for what is named. */
export async function addModel({ app, orm }: TestApp, { id, like, provider, meta = {} }: ModelCopy): Promise<void> {
  const connection = orm.em.getConnection();
  await connection.execute(
    `insert into models (id, name, provider, meta, created_at, updated_at)
     select ?, ?, coalesce(?, provider), meta - 'aliases' || ?::jsonb, created_at, updated_at from models where id = ?`,
    [id, id, provider ?? null, JSON.stringify(meta), like],
  );
  await connection.execute(
    `insert into model_versions (model_id, version_no, meta, change_reason, created_at)
     select id, 1, meta, 'test', created_at from models where id = ?`,
    [id],
  );
  await app.get(CatalogueService).reload();
}
