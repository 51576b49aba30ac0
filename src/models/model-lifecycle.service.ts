import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { flagsOf, lifecycleOf, transitionRefusals, TRANSITIONS, type Lifecycle } from './domain/lifecycle.js';
import { mergePatch } from './domain/merge-patch.js';
import type { ModelMeta } from './domain/model-meta.js';
import { modelPrices } from './domain/model-prices.js';
import type { LivingNeighbour, StoredModel } from './model.repository.js';
import { LifecycleRefusedError } from './models.errors.js';
import { ModelsService, type EditRequest } from './models.service.js';

/** A step in a model's life, and what users are told with it. Null removes, what is left out stays. */
export interface Transition {
  to: Lifecycle;
  sunsetDate?: string | null | undefined;
  legacyReplacementModelId?: string | null | undefined;
  deprecationNotice?: string | null | undefined;
}

export interface LifecycleState {
  stored: StoredModel;
  lifecycle: Lifecycle;
  /** Every step from here, with what stands against it now. */
  transitions: { to: Lifecycle; refusals: string[] }[];
}

const SUNSET_REASON = 'The sunset date has come';

/** The machine of a model's life: which step may follow, who took it, and the one step that time takes. */
@Injectable()
export class ModelLifecycleService {
  constructor(
    private readonly models: ModelsService,
    private readonly clock: Clock,
  ) {}

  /** @throws ModelNotFoundError */
  async read(id: string): Promise<LifecycleState> {
    const stored = await this.models.read(id);
    const neighbours = await this.models.neighbours();
    const from = lifecycleOf(stored.model);
    const terms = { id, from, meta: stored.model.meta, neighbours, today: dayOf(this.clock.now()) };
    const transitions = TRANSITIONS[from].map((to) => ({ to, refusals: refusalsOf({ ...terms, to }) }));
    return { stored, lifecycle: from, transitions };
  }

  /**
   * Takes one step, guarded and audited.
   * @throws LifecycleRefusedError naming all that stands against it, and what an edit throws
   */
  async transition(edit: EditRequest, { to, ...notices }: Transition): Promise<StoredModel> {
    return this.models.edit(edit, ({ model }, { neighbours, now }) => {
      const from = lifecycleOf(model);
      const told = Object.fromEntries(Object.entries(notices).filter(([, value]) => value !== undefined));
      const meta = Object.keys(told).length > 0 ? (mergePatch(model.meta, told) as ModelMeta) : model.meta;
      const reasons = refusalsOf({ id: edit.id, from, to, meta, neighbours, today: dayOf(now) });
      if (reasons.length > 0) throw new LifecycleRefusedError({ from, to, allowed: TRANSITIONS[from], reasons });
      return { ...flagsOf(to), meta };
    });
  }

  /** The models whose sunset date has come. */
  async dueForSunset(now: Date): Promise<string[]> {
    return this.models.dueForSunset(dayOf(now));
  }

  /** Archives a model whose sunset date has come; one that has been given more time meanwhile is left alone. */
  async sunset(id: string, now: Date): Promise<StoredModel> {
    const edit = { id, ifMatch: '*', actorId: null, reason: SUNSET_REASON };
    return this.models.edit(edit, ({ model }) => {
      const { sunsetDate } = model.meta;
      const isDue = !model.isArchived && sunsetDate !== undefined && sunsetDate <= dayOf(now);
      return isDue ? flagsOf('archived') : {};
    });
  }
}

/** Everything that stands against a step, beside the neighbours as they are or would be. */
export function refusalsOf(step: {
  id: string;
  from: Lifecycle;
  to: Lifecycle;
  meta: ModelMeta;
  neighbours: readonly LivingNeighbour[];
  today: string;
}): string[] {
  const { id, from, to, meta, neighbours, today } = step;
  return transitionRefusals({
    from,
    to,
    today,
    isPriced: modelPrices(meta) !== null,
    sunsetDate: meta.sunsetDate,
    successor: neighbours.find((neighbour) => neighbour.id === meta.legacyReplacementModelId),
    dependents: neighbours
      .filter((neighbour) => neighbour.lifecycle !== 'archived' && neighbour.meta.legacyReplacementModelId === id)
      .map((neighbour) => neighbour.id),
  });
}

/** The day in UTC. */
export function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
}
