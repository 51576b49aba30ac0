import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Roles, Scopes } from '../common/http/route-markers.js';
import { toAdminModelPage } from './model-view.js';
import { AdminModelPageDto, AdminModelQueryDto } from './models.dto.js';
import { ModelsService } from './models.service.js';

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin', 'support')
@Controller('admin/models')
export class ModelsAdminController {
  constructor(private readonly models: ModelsService) {}

  @Get()
  @ApiOperation({ summary: 'The catalogue as operators see it, archived models included' })
  @ApiResponse({ status: 200, type: AdminModelPageDto })
  @ApiResponse({ status: 400, description: 'A filter that does not exist, or a cursor of no page' })
  @ApiResponse({ status: 401, description: 'No or bad token' })
  @ApiResponse({ status: 403, description: 'Not an operator' })
  async list(@Query() query: AdminModelQueryDto): Promise<AdminModelPageDto> {
    return toAdminModelPage(await this.models.listPage(query, query));
  }
}
