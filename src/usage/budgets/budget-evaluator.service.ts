import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Mailer } from '../../auth/mail/mailer.js';
import type { Language } from '../../auth/texts/languages.js';
import { newId } from '../../common/ids.js';
import { Notifications } from '../../database/notifications.js';
import { reachedThresholds } from '../domain/budget-thresholds.js';
import { type BudgetAlertNotice, noticeOfAlert } from './budget-alert.js';
import { mailOfAlert } from './budget-mail.js';
import {
  ADD_ALERTS_SQL,
  type BudgetSpend,
  LANGUAGES_SQL,
  limitOf,
  SET_STOPS_SQL,
  SPEND_SQL,
} from './budget.queries.js';
import { WebhookDeliveries } from '../webhooks/webhook-delivery.service.js';
import { HARD_STOPS_CHANNEL } from './hard-stops.service.js';

const LOCK_SQL = `select pg_advisory_xact_lock(hashtext('tollgate.budgets'))`;

/** Compares what was spent with the budgets: alerts once per budget, period and threshold, and the hard stops. */
@Injectable()
export class BudgetEvaluator {
  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
    private readonly webhooks: WebhookDeliveries,
    private readonly mailer: Mailer,
  ) {}

  /** Returns the number of new alerts. */
  async evaluate(now: Date): Promise<number> {
    const { alerts, changed } = await this.em.fork().transactional(async (em) => {
      // One at a time over all replicas: who read the sums earlier and came to an end later would take back the stop that another has set.
      await em.execute(LOCK_SQL);
      const budgets = await em.execute<BudgetSpend[]>(`${SPEND_SQL} where b.is_active`, [now, now]);
      const added = await addAlerts(em, budgets, now);
      await this.webhooks.add(
        em,
        'budget.alert',
        added.map(({ notice }) => notice),
      );
      await this.sendMails(em, added);
      return { alerts: added.length, changed: await setStops(em, budgets, now) };
    });
    if (changed > 0) await this.notifications.notify(HARD_STOPS_CHANNEL);
    return alerts;
  }

  /** What was spent of one budget. */
  async spendOf(id: string, now: Date): Promise<BudgetSpend | undefined> {
    const [spend] = await this.em.fork().execute<BudgetSpend[]>(`${SPEND_SQL} where b.id = ?`, [now, now, id]);
    return spend;
  }

  /** In the transaction that writes the alerts: whoever writes one has it sent, so each is sent once. */
  private async sendMails(em: EntityManager, added: readonly AddedAlert[]): Promise<void> {
    for (const { notice, emails } of added) {
      const readers = await em.execute<{ email: string; language: Language }[]>(LANGUAGES_SQL, [
        JSON.stringify(emails),
      ]);
      for (const { email: to, language } of readers)
        await this.mailer.send({ to, language, template: 'notice', variables: mailOfAlert(notice, language) });
    }
  }
}

interface AddedAlert {
  notice: BudgetAlertNotice;
  emails: readonly string[];
}

/** Adds the alerts that are due, and returns those that nobody had added, as they are told. */
async function addAlerts(em: EntityManager, budgets: readonly BudgetSpend[], now: Date): Promise<AddedAlert[]> {
  const alerts = budgets.flatMap((budget) =>
    reachedThresholds(BigInt(budget.spent), limitOf(budget), budget.thresholds).map((threshold) => ({
      id: newId(),
      budget_id: budget.id,
      period_start: budget.starts_at,
      threshold,
      spent: budget.spent,
    })),
  );
  if (alerts.length === 0) return [];
  const added = await em.execute<{ budget_id: string; threshold: number }[]>(ADD_ALERTS_SQL, [
    now,
    JSON.stringify(alerts),
  ]);
  return added.map(({ budget_id, threshold }) => {
    const budget = budgets.find(({ id }) => id === budget_id)!;
    return { notice: noticeOfAlert(budget, threshold), emails: budget.alert_emails };
  });
}

async function setStops(em: EntityManager, budgets: readonly BudgetSpend[], now: Date): Promise<number> {
  const stops = budgets
    .filter((budget) => budget.is_hard_stop && BigInt(budget.spent) >= limitOf(budget))
    .map(({ id, ends_at }) => ({ id, until: ends_at }));
  const [row] = await em.execute<{ changed: number }[]>(SET_STOPS_SQL, [JSON.stringify(stops), now]);
  return row?.changed ?? 0;
}
