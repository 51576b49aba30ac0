import { Get } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { ReconciliationView, toReconciliationView } from './reconciliation.dto.js';
import { ReconciliationService } from './reconciliation.service.js';

@AdminController('admin/reconciliation', 'admin', 'support')
export class ReconciliationController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Get()
  @ApiOperation({ summary: 'The credit invariants over all accounts, evaluated now, with every offender named' })
  @ApiResponse({ status: 200, type: ReconciliationView })
  async read(): Promise<ReconciliationView> {
    return toReconciliationView(await this.reconciliation.run());
  }
}
