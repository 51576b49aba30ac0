import type { EntityManager } from '@mikro-orm/postgresql';
import { isSameValue } from '../src/models/domain/parameter-value.js';
import { ModelMeta } from '../src/models/domain/model-meta.js';
import { Model } from '../src/models/model.entity.js';
import { ModelVersion } from '../src/models/model-version.entity.js';
import { ANTHROPIC_LATER_MODELS } from './catalogue/anthropic-later-models.js';
import { ANTHROPIC_MODELS } from './catalogue/anthropic-models.js';
import type { CatalogueEntry } from './catalogue/catalogue-entry.js';
import { GOOGLE_LATER_MODELS } from './catalogue/google-later-models.js';
import { GOOGLE_MODELS } from './catalogue/google-models.js';
import { OPENAI_LATER_MODELS } from './catalogue/openai-later-models.js';
import { OPENAI_MODELS } from './catalogue/openai-models.js';
import { SANDBOX_MODELS } from './catalogue/sandbox-models.js';
import { XAI_MODELS } from './catalogue/xai-models.js';

/** Marks the versions that the seed wrote, so that it can tell them from an operator's. */
export const SEED_REASON = 'Built-in catalogue';

export const CATALOGUE: readonly CatalogueEntry[] = [
  ...OPENAI_MODELS,
  ...OPENAI_LATER_MODELS,
  ...ANTHROPIC_MODELS,
  ...ANTHROPIC_LATER_MODELS,
  ...GOOGLE_MODELS,
  ...GOOGLE_LATER_MODELS,
  ...XAI_MODELS,
];

/**
 * Brings the built-in models into the catalogue, those of the sandbox only while it is on. Safe to repeat: a model that is there is
 * changed only when its current version is the seed's own, so an operator's edit and every flag stay as they are.
 */
export async function seedModels(em: EntityManager, options: { sandbox: boolean; now: Date }): Promise<void> {
  const entries = options.sandbox ? [...CATALOGUE, ...SANDBOX_MODELS] : CATALOGUE;
  await em.fork().transactional(async (transaction) => {
    for (const entry of entries) await seedModel(transaction, entry, options.now);
  });
}

async function seedModel(em: EntityManager, entry: CatalogueEntry, now: Date): Promise<void> {
  const meta = ModelMeta.parse(entry.meta);
  const existing = await em.findOne(Model, entry.id);
  if (existing) {
    const latest = await em.findOne(ModelVersion, { modelId: entry.id }, { orderBy: { versionNo: 'desc' } });
    const isOurs = latest?.changedBy === null && latest.changeReason === SEED_REASON;
    if (!isOurs || isSameValue(existing.meta, meta)) return;
  }
  const { id, name, provider, isLegacy } = entry;
  const flags = !existing && isLegacy ? { isLegacy } : {};
  const change = { actorId: null, reason: SEED_REASON, at: now };
  await em.getRepository(Model).store({ id, name, provider, ...flags, meta }, change);
}
