import { EntityRepository } from '@mikro-orm/postgresql';
import type { ModelVersion } from './model-version.entity.js';

export class ModelVersionRepository extends EntityRepository<ModelVersion> {}
