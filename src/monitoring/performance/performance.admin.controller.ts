import { EntityManager } from '@mikro-orm/postgresql';
import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { WallClock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { performanceFilterOf, PerformanceQuery, PerformanceReport } from './performance.dto.js';
import { performanceReport, type PerformancePoint } from './performance.queries.js';
import { PERFORMANCE_METRICS } from './performance-sampler.service.js';

@AdminController('admin/performance', 'admin', 'support')
export class PerformanceAdminController {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'One metric of the processes by minute, hour or day, with percentiles over its samples',
    description: 'By default of the last 24 hours and all replicas.',
  })
  @ApiResponse({ status: 200, type: PerformanceReport })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async report(@Query() query: PerformanceQuery): Promise<PerformanceReport> {
    const filter = performanceFilterOf(query, this.clock.now());
    const { sql, parameters } = performanceReport(filter);
    const points = await this.em.fork().execute<PerformancePoint[]>(sql, parameters);
    const { name, interval, range } = filter;
    return {
      name,
      unit: PERFORMANCE_METRICS[name],
      interval,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      data: points.map((point) => ({ ...point, at: new Date(point.at).toISOString() })),
    };
  }
}
