import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../common/http/route-markers.js';
import { OverloadedError } from '../common/errors/common.errors.js';
import { DatabaseHealth } from '../database/database-health.js';

class HealthView {
  @ApiProperty({ enum: ['ok'] }) status!: 'ok';
}

@ApiTags('machine')
@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly database: DatabaseHealth) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process answers' })
  @ApiResponse({ status: 200, description: 'It does', type: HealthView })
  live(): HealthView {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether the process can serve requests: its database answers' })
  @ApiResponse({ status: 200, description: 'It can', type: HealthView })
  @ApiResponse({ status: 503, description: 'The database does not answer' })
  async ready(): Promise<HealthView> {
    if (!(await this.database.isReachable()))
      throw new OverloadedError('The database does not answer.', { headers: { 'retry-after': '1' } });
    return { status: 'ok' };
  }
}
