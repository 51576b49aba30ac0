import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { User } from '../../auth/identity/user.entity.js';
import { TIERS } from '../../common/domain/tiers.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { isUuid, newId } from '../../common/ids.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { BudgetNotFoundError } from '../usage.errors.js';
import {
  type BudgetAlertsQuery,
  type BudgetsQuery,
  type CreateBudgetRequest,
  etagOfBudget,
  limitFrom,
  toBudgetView,
  type UpdateBudgetRequest,
} from './budget.dto.js';
import { Budget, BudgetAlert } from '../budget.entity.js';

const THRESHOLDS_DEFAULT = [50, 80, 100];

type Cause = AuditCause & { ifMatch: string };

/** The budgets of the operator. None is deleted: its alerts tell what happened. */
@Injectable()
export class BudgetService {
  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
    private readonly audit: AuditTrail,
  ) {}

  /** Newest first. @throws InvalidRequestError */
  async page({ scope, isActive, limit, cursor }: BudgetsQuery): Promise<{ rows: Budget[]; next: string | null }> {
    const where = { ...(scope && { scope }), ...(isActive !== undefined && { isActive }), ...beforeId(cursor) };
    const rows = await this.em.fork().find(Budget, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** Newest first, each with its budget. @throws InvalidRequestError */
  async alerts({ budgetId, limit, cursor }: BudgetAlertsQuery) {
    const em = this.em.fork();
    const where = { ...(budgetId && { budgetId }), ...beforeId(cursor) };
    const alerts = await em.find(BudgetAlert, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    const page = pageOf(alerts, limit, ({ id }) => id);
    const budgets = await em.find(Budget, { id: { $in: page.rows.map((alert) => alert.budgetId) } });
    const byId = new Map(budgets.map((budget) => [budget.id, budget]));
    return { rows: page.rows.map((alert) => ({ alert, budget: byId.get(alert.budgetId)! })), next: page.next };
  }

  /** @throws BudgetNotFoundError */
  async read(id: string): Promise<Budget> {
    const budget = await this.em.fork().findOne(Budget, { id });
    if (!budget) throw new BudgetNotFoundError();
    return budget;
  }

  /** @throws InvalidRequestError */
  async create(asked: CreateBudgetRequest, cause: AuditCause, now: Date): Promise<Budget> {
    const limit = limitFrom(asked);
    if (!limit) throw eitherLimit();
    await this.assertScope(asked);
    return this.em.fork().transactional(async (em) => {
      const budget = em.create(Budget, {
        id: newId(),
        scope: asked.scope,
        scopeKey: asked.scopeKey ?? null,
        period: asked.period,
        ...positive(limit),
        thresholds: asked.thresholds ?? THRESHOLDS_DEFAULT,
        alertEmails: asked.alertEmails ?? [],
        isHardStop: asked.isHardStop ?? false,
        isActive: asked.isActive ?? true,
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(budget).flush();
      await this.record('create', { before: null, after: budget }, cause, now);
      return budget;
    });
  }

  /** @throws BudgetNotFoundError, IfMatchRequiredError, StaleEtagError, InvalidRequestError */
  async update(id: string, asked: UpdateBudgetRequest, cause: Cause, now: Date): Promise<Budget> {
    const limit = limitFrom(asked);
    if (!limit && asked.limitCredits !== undefined) throw eitherLimit();
    return this.em.fork().transactional(async (em) => {
      const budget = await em.findOne(Budget, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!budget) throw new BudgetNotFoundError();
      assertIfMatch(cause.ifMatch, etagOfBudget(budget));
      if (limit) assertUnit(budget, limit);
      const before = toBudgetView(budget);
      const { thresholds, alertEmails, isHardStop, isActive } = asked;
      em.assign(budget, {
        ...(limit && positive(limit)),
        ...(thresholds && { thresholds }),
        ...(alertEmails && { alertEmails }),
        ...(isHardStop !== undefined && { isHardStop }),
        ...(isActive !== undefined && { isActive }),
        updatedAt: now,
      });
      await em.flush();
      await this.record('update', { before, after: budget }, cause, now);
      return budget;
    });
  }

  private async assertScope({ scope, scopeKey }: CreateBudgetRequest): Promise<void> {
    const fault = await this.scopeFault(scope, scopeKey);
    if (fault) throw InvalidRequestError.of([{ field: 'scopeKey', message: fault }]);
  }

  private async scopeFault(scope: CreateBudgetRequest['scope'], key: string | undefined): Promise<string | null> {
    if (scope === 'global') return key === undefined ? null : 'must be left out where the scope is global';
    if (key === undefined) return `must name the ${scope}`;
    if (scope === 'tier') return TIERS.some((tier) => tier === key) ? null : `must be one of ${TIERS.join(', ')}`;
    if (scope === 'model') return this.catalogue.find(key)?.id === key ? null : 'must be the id of a model';
    const isThere = isUuid(key) && (await this.em.fork().count(User, { id: key })) > 0;
    return isThere ? null : 'must be the id of a user';
  }

  private record(
    action: string,
    { before, after }: { before: object | null; after: Budget },
    cause: AuditCause,
    now: Date,
  ): Promise<void> {
    const change = {
      action: `budget.${action}`,
      entity: 'budget',
      entityId: after.id,
      before,
      after: toBudgetView(after),
    };
    return this.audit.record(change, cause, now);
  }
}

function eitherLimit(): InvalidRequestError {
  return InvalidRequestError.of([{ field: 'limitCredits', message: 'send either limitCredits or limitUsd' }]);
}

/** Its alerts say how much was spent in the unit of its limit, and are not given again. */
function assertUnit(budget: Budget, limit: Pick<Budget, 'limitUcr' | 'limitNusd'>): void {
  const isInCredits = limit.limitUcr !== null;
  if (isInCredits === Boolean(budget.limitUcr)) return;
  const [field, unit] = isInCredits ? ['limitCredits', 'USD'] : ['limitUsd', 'credits'];
  const message = `cannot take the place of a limit in ${unit}: add a budget of its own, and deactivate this one`;
  throw InvalidRequestError.of([{ field, message }]);
}

function positive(limit: Pick<Budget, 'limitUcr' | 'limitNusd'>): Pick<Budget, 'limitUcr' | 'limitNusd'> {
  if ((limit.limitUcr ?? limit.limitNusd ?? 0n) > 0n) return limit;
  const field = limit.limitNusd === null ? 'limitCredits' : 'limitUsd';
  throw InvalidRequestError.of([{ field, message: 'must be more than nothing' }]);
}
