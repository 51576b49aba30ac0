import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { AppError } from '../../common/errors/app-error.js';
import type { Principal } from '../../common/http/principal.js';
import { ProjectNotFoundError } from '../generation.errors.js';
import { NAMES_DEFAULT } from '../domain/generation-modes.js';
import { GenerationPreferencesService } from '../preferences/generation-preferences.service.js';
import { type CreateProjectRequest, ProjectView } from '../projects/project.dto.js';
import type { Project } from '../projects/project.entity.js';
import { ProjectService } from '../projects/project.service.js';
import type { ClientKey } from './client-key.js';
import { GenerationIntake } from './generation-intake.service.js';
import { GenerationStarts } from './generation-starts.service.js';
import { ModelErrorView } from './generation.dto.js';
import type { Generation, ModelError } from './generation.entity.js';

/** What became of the run that begins with a project. */
export interface FirstRun {
  generationId: string | null;
  generationRefusal: ModelError | null;
}

export class NewProjectView extends ProjectView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The run that began with it' })
  generationId!: string | null;
  @ApiProperty({
    type: ModelErrorView,
    nullable: true,
    description: 'Why no run began although it should have: code and message',
  })
  generationRefusal!: ModelError | null;
}

/** A project that a client makes, with its own key where it sent one. */
export interface NewProjectRequest {
  requestId: string;
  principal: Principal;
  asked: CreateProjectRequest;
  key?: ClientKey;
}

/** New projects, and the run that begins with one where its owner wants that. */
@Injectable()
export class FirstRuns {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly projects: ProjectService,
    private readonly preferences: GenerationPreferencesService,
    private readonly starts: GenerationStarts,
    private readonly intake: GenerationIntake,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes a project and begins its first run. The project stays, whatever refuses the run. What costs something is made once: a key that began a
   * run before answers that run's project.
   * @throws ProjectLimitReachedError, IdempotencyMismatchError
   */
  async create(request: NewProjectRequest): Promise<{ project: Project; first: FirstRun; isReplay: boolean }> {
    const { principal, asked } = request;
    const before = await this.starts.begunBefore(request);
    if (before) return this.begunFor(before);
    const project = await this.projects.create(principal.userId, asked, this.clock.now());
    const { run, refusal } = await this.begin(project, request);
    if (!run || run.projectId === project.id) {
      return { project, first: { generationId: run?.id ?? null, generationRefusal: refusal }, isReplay: false };
    }
    // The same key came twice at once, and the other one was first.
    await this.projects.discard(project);
    return this.begunFor(run);
  }

  private async begunFor({ id, userId, projectId }: Generation) {
    if (!projectId) throw new ProjectNotFoundError();
    const project = await this.projects.read(userId, projectId);
    return { project, first: { generationId: id, generationRefusal: null }, isReplay: true };
  }

  private async begin(
    project: Project,
    { requestId, principal, key }: NewProjectRequest,
  ): Promise<{ run: Generation | null; refusal: ModelError | null }> {
    const { autoGenerateOnCreate } = await this.preferences.of(principal.userId);
    if (!autoGenerateOnCreate || !project.description) return { run: null, refusal: null };
    const asked = { businessIdea: project.description, projectId: project.id, names: NAMES_DEFAULT };
    try {
      const { run } = await this.intake.begin({ requestId, principal, asked, ...(key && { key }) });
      return { run, refusal: null };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { code, message } = error;
      return { run: null, refusal: { code, message } };
    }
  }
}
