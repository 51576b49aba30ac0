import { TIERS } from '../../common/domain/tiers.js';
import { lifecycleOf } from '../domain/lifecycle.js';
import { decideTierAccess, type TierRule } from '../domain/tier-access.js';
import type { StoredModel } from '../model.repository.js';
import { modelEtag, type ModelPage } from '../models.service.js';
import type { AdminModelDto, AdminModelPageDto, TierRuleDto } from './models.admin.dto.js';

export function toAdminModelPage({ models, nextCursor }: ModelPage): AdminModelPageDto {
  return { data: models.map(toAdminModelView), nextCursor };
}

export function toAdminModelView(stored: StoredModel): AdminModelDto {
  const { model, versionNo } = stored;
  return {
    id: model.id,
    name: model.name,
    provider: model.provider,
    lifecycle: lifecycleOf(model),
    isAvailable: model.isAvailable,
    isLegacy: model.isLegacy,
    isArchived: model.isArchived,
    meta: model.meta,
    version: versionNo,
    etag: modelEtag(stored),
    createdAt: model.createdAt.toISOString(),
    updatedAt: model.updatedAt.toISOString(),
  };
}

/** A tier rule with its defaults told, and whom it lets in. */
export function toTierRule(rule: TierRule): TierRuleDto {
  return {
    requiredTier: rule.requiredTier ?? 'free',
    tierRestrictionMode: rule.tierRestrictionMode ?? 'minimum',
    allowedTiers: rule.allowedTiers ?? [],
    admits: TIERS.filter((tier) => decideTierAccess(rule, tier).allowed),
  };
}
