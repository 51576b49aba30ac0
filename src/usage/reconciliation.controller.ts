import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Roles, Scopes } from '../common/http/route-markers.js';
import { ReconciliationView, toReconciliationView } from './reconciliation.dto.js';
import { ReconciliationService } from './reconciliation.service.js';

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin', 'support')
@Controller('admin/reconciliation')
export class ReconciliationController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Get()
  @ApiOperation({ summary: 'The credit invariants over all accounts, evaluated now, with every offender named' })
  @ApiResponse({ status: 200, type: ReconciliationView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no operator' })
  async read(): Promise<ReconciliationView> {
    return toReconciliationView(await this.reconciliation.run());
  }
}
