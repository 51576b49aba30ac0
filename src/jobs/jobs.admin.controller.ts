import { Body, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { OptionalReasonRequest } from '../common/http/reason-request.js';
import { Roles } from '../common/http/route-markers.js';
import { JobAdminService } from './job-admin.service.js';
import { JobList, JobRunResult, toJobView } from './jobs.dto.js';

@AdminController('admin/jobs', 'admin', 'support')
export class JobsAdminController {
  constructor(private readonly jobs: JobAdminService) {}

  @Get()
  @ApiOperation({ summary: 'The jobs with their schedules, their last run on any replica and their next' })
  @ApiResponse({ status: 200, type: JobList })
  async list(): Promise<JobList> {
    return { data: (await this.jobs.list()).map(toJobView) };
  }

  @Post(':name/run')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Run a job now, on the replica that answers, and wait for what it did' })
  @ApiResponse({ status: 200, type: JobRunResult })
  @ApiResponse({ status: 400, description: 'The reason is too long' })
  @ApiResponse({ status: 404, description: 'No job has this name; the answer names those that exist' })
  @ApiResponse({ status: 500, description: 'The job failed; the answer tells why' })
  async run(
    @Param('name') name: string,
    @Body() { reason }: OptionalReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<JobRunResult> {
    const run = await this.jobs.run(name, { ...operator, reason: reason ?? null });
    return { ...run, ranAt: run.ranAt.toISOString() };
  }
}
