import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Roles, Scopes } from '../common/http/route-markers.js';
import { JobAdminService } from './job-admin.service.js';
import { JobList, JobRunResult, toJobView } from './jobs.dto.js';

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin', 'support')
@Controller('admin/jobs')
export class JobsAdminController {
  constructor(private readonly jobs: JobAdminService) {}

  @Get()
  @ApiOperation({ summary: 'The jobs with their schedules, their last run on any replica and their next' })
  @ApiResponse({ status: 200, type: JobList })
  @ApiResponse({ status: 401, description: 'No valid token, or a second factor is missing' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no operator' })
  async list(): Promise<JobList> {
    return { data: (await this.jobs.list()).map(toJobView) };
  }

  @Post(':name/run')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Run a job now, on the replica that answers, and wait for what it did' })
  @ApiResponse({ status: 200, type: JobRunResult })
  @ApiResponse({ status: 401, description: 'No valid token, or a second factor is missing' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no admin' })
  @ApiResponse({ status: 404, description: 'No job has this name; the answer names those that exist' })
  @ApiResponse({ status: 500, description: 'The job failed; the answer tells why' })
  async run(@Param('name') name: string): Promise<JobRunResult> {
    const run = await this.jobs.run(name);
    return { ...run, ranAt: run.ranAt.toISOString() };
  }
}
