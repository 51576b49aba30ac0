import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CatalogueService } from './catalogue.service.js';
import { ModelTierAuditLog } from './model-tier-audit-log.entity.js';
import { ModelVersion } from './model-version.entity.js';
import { Model } from './model.entity.js';
import { ModelsAdminController } from './models.admin.controller.js';
import { ModelsService } from './models.service.js';

/** The catalogue: models, their versions, tier rules and parameter constraints, all as data. */
@Module({
  imports: [MikroOrmModule.forFeature([Model, ModelVersion, ModelTierAuditLog])],
  controllers: [ModelsAdminController],
  providers: [CatalogueService, ModelsService],
  exports: [CatalogueService, ModelsService],
})
export class ModelsModule {}
