import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { AppError } from '../../common/errors/app-error.js';
import type { Principal } from '../../common/http/principal.js';
import { NAMES_DEFAULT } from '../domain/generation-modes.js';
import { GenerationPreferencesService } from '../preferences/generation-preferences.service.js';
import { ProjectView } from '../projects/project.dto.js';
import type { Project } from '../projects/project.entity.js';
import { GenerationIntake } from './generation-intake.service.js';
import type { ModelError } from './generation.entity.js';

/** What became of the run that begins with a project. */
export interface FirstRun {
  generationId: string | null;
  generationRefusal: ModelError | null;
}

export class NewProjectView extends ProjectView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The run that began with it' })
  generationId!: string | null;
  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'Why no run began although it should have: code and message',
  })
  generationRefusal!: ModelError | null;
}

/** The run that begins with a project, where its owner wants that. */
@Injectable()
export class FirstRuns {
  constructor(
    private readonly preferences: GenerationPreferencesService,
    private readonly intake: GenerationIntake,
  ) {}

  /** Begins a run of a new project, where its owner wants that. The project stays, whatever refuses the run. */
  async begin(project: Project, principal: Principal, requestId: string): Promise<FirstRun> {
    const { autoGenerateOnCreate } = await this.preferences.of(principal.userId);
    if (!autoGenerateOnCreate || !project.description) return { generationId: null, generationRefusal: null };
    const asked = { businessIdea: project.description, projectId: project.id, names: NAMES_DEFAULT };
    try {
      const { run } = await this.intake.begin({ requestId, principal, asked });
      return { generationId: run.id, generationRefusal: null };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { code, message } = error;
      return { generationId: null, generationRefusal: { code, message } };
    }
  }
}
