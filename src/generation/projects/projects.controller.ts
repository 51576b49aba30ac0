import { Body, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import type { Principal } from '../../common/http/principal.js';
import type { InferenceHttpRequest } from '../../inference/admitted-chat.js';
import { TakesIdempotencyKey } from '../../inference/idempotency/idempotency-key.guard.js';
import { GenerationController } from '../generation-controller.js';
import { CreateProjectRequest, ProjectsPage, ProjectView, toProjectView, UpdateProjectRequest } from './project.dto.js';
import { ProjectService } from './project.service.js';
import { clientKeyOf } from '../runs/client-key.js';
import { FirstRuns, NewProjectView } from '../runs/first-runs.service.js';
import { ProjectRemoval } from '../runs/project-removal.service.js';

const ROUTE = 'POST /v1/projects';

@GenerationController('v1/projects')
export class ProjectsController {
  constructor(
    private readonly projects: ProjectService,
    private readonly firstRuns: FirstRuns,
    private readonly removal: ProjectRemoval,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Your projects, newest first' })
  @ApiResponse({ status: 200, type: ProjectsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@CurrentPrincipal() { userId }: Principal, @Query() query: PageQuery): Promise<ProjectsPage> {
    const { rows, next } = await this.projects.page(userId, query);
    return { data: rows.map(toProjectView), nextCursor: encodeCursor(next) };
  }

  @Post()
  @TakesIdempotencyKey()
  @ApiOperation({
    summary: 'A new project',
    description:
      'Where your preferences say so and there is a description, its first run begins with it; why it could not is told. A key is kept with that run.',
  })
  @ApiResponse({ status: 201, type: NewProjectView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 409, description: 'project_limit_reached' })
  @ApiResponse({ status: 422, description: 'idempotency_mismatch' })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() asked: CreateProjectRequest,
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NewProjectView> {
    const { id: requestId } = request;
    const made = await this.firstRuns.create({ requestId, principal, asked, ...clientKeyOf(ROUTE, request) });
    if (made.isReplay) void reply.header('idempotent-replayed', 'true');
    return Object.assign(toProjectView(made.project), made.first);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One of your projects' })
  @ApiResponse({ status: 200, type: ProjectView })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  async read(@CurrentPrincipal() { userId }: Principal, @Param('id', IdPipe) id: string): Promise<ProjectView> {
    return toProjectView(await this.projects.read(userId, id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Changes a project, or selects one of its names' })
  @ApiResponse({ status: 200, type: ProjectView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 404, description: 'project_not_found, suggestion_not_found' })
  async update(
    @CurrentPrincipal() { userId }: Principal,
    @Param('id', IdPipe) id: string,
    @Body() body: UpdateProjectRequest,
  ): Promise<ProjectView> {
    return toProjectView(await this.projects.update(userId, id, body, this.clock.now()));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Deletes a project with its suggestions and runs',
    description: 'Not while one of its runs is under way: cancel it, or wait until it has ended.',
  })
  @ApiResponse({ status: 204, description: 'Deleted' })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  @ApiResponse({ status: 409, description: 'project_busy, with the generationIds that are under way' })
  async delete(@CurrentPrincipal() { userId }: Principal, @Param('id', IdPipe) id: string): Promise<void> {
    await this.removal.delete(userId, id);
  }
}
