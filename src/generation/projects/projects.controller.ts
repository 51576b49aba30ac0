import {
  applyDecorators,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import { CreateProjectRequest, ProjectsPage, ProjectView, toProjectView, UpdateProjectRequest } from './project.dto.js';
import { ProjectService } from './project.service.js';

/** A controller of a user's names and what makes them. */
export function GenerationController(path: string): ClassDecorator {
  return applyDecorators(
    ApiTags('generation'),
    ApiBearerAuth(),
    Scopes('llm.inference'),
    ApiResponse({ status: 401, description: 'No valid token' }),
    ApiResponse({ status: 403, description: 'The token lacks the scope llm.inference' }),
    Controller(path),
  );
}

@GenerationController('v1/projects')
export class ProjectsController {
  constructor(
    private readonly projects: ProjectService,
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
  @ApiOperation({ summary: 'A new project' })
  @ApiResponse({ status: 201, type: ProjectView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 409, description: 'project_limit_reached' })
  async create(@CurrentPrincipal() { userId }: Principal, @Body() body: CreateProjectRequest): Promise<ProjectView> {
    return toProjectView(await this.projects.create(userId, body, this.clock.now()));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One of your projects' })
  @ApiResponse({ status: 200, type: ProjectView })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  async read(@CurrentPrincipal() { userId }: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<ProjectView> {
    return toProjectView(await this.projects.read(userId, id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Changes a project, or selects one of its names' })
  @ApiResponse({ status: 200, type: ProjectView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 404, description: 'project_not_found, suggestion_not_found' })
  async update(
    @CurrentPrincipal() { userId }: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: UpdateProjectRequest,
  ): Promise<ProjectView> {
    return toProjectView(await this.projects.update(userId, id, body, this.clock.now()));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Deletes a project with its suggestions and runs' })
  @ApiResponse({ status: 204, description: 'Deleted' })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  async delete(@CurrentPrincipal() { userId }: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<void> {
    await this.projects.delete(userId, id);
  }
}
