import { Injectable } from '@nestjs/common';
import { InvalidRequestError, NotFoundError } from '../../common/errors/common.errors.js';
import { Config } from '../../config/config.js';
import { CONSTRAINED_PARAMETERS, isConstrainedParameter } from '../domain/constrained-parameters.js';
import { explainTrial, type TrialDecision } from '../domain/constraint-trial.js';
import { formatPath, readIssues } from '../domain/document-issue.js';
import { ModelMeta } from '../domain/model-meta.js';
import { resolveModelParameters, type ModelParameters } from '../domain/model-parameters.js';
import type { ParameterConstraint } from '../domain/parameter-constraint.js';
import type { StoredModel } from '../model.repository.js';
import { ModelsService, type EditRequest } from '../models.service.js';

/** Parameters of one try-out: all that can be constrained, and some that cannot. */
const PARAMETERS_MAX = 64;

export interface Trial {
  parameters: Record<string, unknown>;
  unsupported?: 'reject' | 'drop' | undefined;
  parameterConstraints?: Record<string, unknown> | undefined;
  parameterRules?: unknown[] | undefined;
}

/** One parameter's constraint at a time, and what the constraints make of a request. */
@Injectable()
export class ConstraintAdminService {
  constructor(
    private readonly models: ModelsService,
    private readonly config: Config,
  ) {}

  /** @throws ModelNotFoundError, InvalidRequestError for a name that cannot be constrained, NotFoundError for one that is not */
  async read(id: string, parameter: string): Promise<{ stored: StoredModel; constraint: ParameterConstraint }> {
    assertKnown(parameter);
    const stored = await this.models.read(id);
    const constraint = stored.model.meta.parameterConstraints?.[parameter];
    if (!constraint) throw unconstrained(id, parameter, stored);
    return { stored, constraint };
  }

  async set(edit: EditRequest, parameter: string, constraint: Record<string, unknown>): Promise<StoredModel> {
    assertKnown(parameter);
    return this.models.edit(edit, ({ model: { meta } }) => ({
      meta: { ...meta, parameterConstraints: { ...meta.parameterConstraints, [parameter]: constraint } },
    }));
  }

  async remove(edit: EditRequest, parameter: string): Promise<StoredModel> {
    assertKnown(parameter);
    return this.models.edit(edit, (stored) => {
      const { meta } = stored.model;
      const { [parameter]: removed, ...others } = meta.parameterConstraints ?? {};
      if (!removed) throw unconstrained(edit.id, parameter, stored);
      return { meta: { ...meta, parameterConstraints: others } };
    });
  }

  /**
   * What a model, or constraints that are still a draft, would make of a request. Nobody is called and nothing is kept.
   * @throws ModelNotFoundError, InvalidRequestError naming every fault of the draft
   */
  async try(id: string, trial: Trial): Promise<{ resolved: ModelParameters; decisions: TrialDecision[] }> {
    const { model } = await this.models.read(id);
    const { parameters, unsupported = 'reject', parameterConstraints, parameterRules } = trial;
    if (Object.keys(parameters).length > PARAMETERS_MAX) {
      throw InvalidRequestError.of([{ field: 'parameters', message: `must have at most ${PARAMETERS_MAX} members` }]);
    }
    const isDraft = parameterConstraints !== undefined || parameterRules !== undefined;
    const meta = isDraft
      ? draftOf({
          ...model.meta,
          ...(parameterConstraints !== undefined && { parameterConstraints }),
          ...(parameterRules !== undefined && { parameterRules }),
        })
      : model.meta;
    const { outputTokensDefault } = this.config;
    const resolved = resolveModelParameters(meta, parameters, { unsupported, outputTokensDefault });
    return { resolved, decisions: explainTrial(parameters, resolved) };
  }
}

function draftOf(meta: Record<string, unknown>): ModelMeta {
  const parsed = ModelMeta.safeParse(meta);
  if (parsed.success) return parsed.data;
  throw InvalidRequestError.of(
    readIssues(parsed.error.issues).map(({ path, message }) => ({ field: formatPath(path), message })),
  );
}

function assertKnown(parameter: string): void {
  if (isConstrainedParameter(parameter)) return;
  const message = `is no parameter that can be constrained; known are ${CONSTRAINED_PARAMETERS.join(', ')}`;
  throw InvalidRequestError.of([{ field: 'parameter', message }]);
}

function unconstrained(id: string, parameter: string, { model }: StoredModel): NotFoundError {
  const others = Object.keys(model.meta.parameterConstraints ?? {}).join(', ') || 'none';
  return new NotFoundError(`The model ${id} has no constraint of ${parameter}. It has: ${others}.`);
}
