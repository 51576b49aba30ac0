import { EntityRepository } from '@mikro-orm/postgresql';
import type { Model } from './model.entity.js';

export class ModelRepository extends EntityRepository<Model> {}
