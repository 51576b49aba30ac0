import { EntityRepository } from '@mikro-orm/postgresql';
import type { ModelTierAuditLog } from './model-tier-audit-log.entity.js';

export class ModelTierAuditLogRepository extends EntityRepository<ModelTierAuditLog> {}
