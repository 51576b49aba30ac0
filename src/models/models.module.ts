import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { ConstraintAdminService } from './admin/constraint-admin.service.js';
import { ConstraintsAdminController } from './admin/constraints.admin.controller.js';
import { ImportsAdminController } from './admin/imports.admin.controller.js';
import { LifecycleAdminController } from './admin/lifecycle.admin.controller.js';
import { ModelImportService } from './admin/model-import.service.js';
import { ModelHistoryService } from './admin/model-history.service.js';
import { ModelsAdminController } from './admin/models.admin.controller.js';
import { ModelAuditController, VersionsAdminController } from './admin/versions.admin.controller.js';
import { DatabaseModule } from '../database/database.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { CatalogueService } from './catalogue.service.js';
import { ModelLifecycleService } from './model-lifecycle.service.js';
import { ModelSunsetJob } from './model-sunset.job.js';
import { ModelTierAuditLog } from './model-tier-audit-log.entity.js';
import { ModelVersion } from './model-version.entity.js';
import { Model } from './model.entity.js';
import { ModelsService } from './models.service.js';
import { OlderImportService } from './older/older-import.service.js';

/** The catalogue: models, their versions, tier rules and parameter constraints, all as data. */
@Module({
  imports: [DatabaseModule, MonitoringModule, MikroOrmModule.forFeature([Model, ModelVersion, ModelTierAuditLog])],
  controllers: [
    ModelsAdminController,
    ConstraintsAdminController,
    LifecycleAdminController,
    VersionsAdminController,
    ModelAuditController,
    ImportsAdminController,
  ],
  providers: [
    CatalogueService,
    ModelsService,
    ModelLifecycleService,
    ModelSunsetJob,
    ConstraintAdminService,
    ModelHistoryService,
    ModelImportService,
    OlderImportService,
  ],
  exports: [CatalogueService, ModelsService],
})
export class ModelsModule {}
