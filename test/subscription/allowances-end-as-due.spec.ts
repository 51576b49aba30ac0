import { seedPlans } from '../../seeders/plans.seeder.js';
import { MoneyDatabase, NOW } from '../credits/money-database.js';
import { moneyServices } from '../credits/money-services.js';

const DAY_MS = 86_400_000;
const BECAUSE = { actorId: null, reason: 'test' };
const at = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);

describe('the migration that lets allowances end when their subscription is due', () => {
  it('puts right those that are under way, and takes that back', async () => {
    const money = await MoneyDatabase.open();
    try {
      await seedPlans(money.em, { now: NOW });
      await money.query('update plans set trial_days = 14 where tier = ?', ['pro']);
      const { subscriptions, lifecycle } = moneyServices(money.orm, NOW);
      const started = async (isTrial: boolean) => {
        const user = await money.newUser({ hasAccount: false });
        const { id, currentPeriodEnd: end } = await subscriptions.startPlan(
          user.id,
          'pro',
          { ...BECAUSE, isTrial },
          NOW,
        );
        return { user, id, end };
      };
      const ends = async (): Promise<unknown[]> => {
        const rows = await money.query<{ expires_at: string; next_due_at: string }>(
          'select c.expires_at, a.next_due_at from credits c join credit_accounts a using (user_id) order by c.id',
        );
        return rows.map((one) => row(new Date(one.expires_at), new Date(one.next_due_at)));
      };
      const row = (expires: Date, due: Date) => ({ expires_at: expires, next_due_at: due });

      const plain = await started(false);
      await started(true);
      const unpaid = await started(false);
      await lifecycle.markPastDue(unpaid.id, { ...BECAUSE, days: 7 }, at(5));
      const leaving = await started(false);
      await lifecycle.markPastDue(leaving.id, { ...BECAUSE, days: 60 }, at(5));
      await lifecycle.cancel(leaving.id, BECAUSE, at(6));
      const { end } = plain;
      const now = [row(end, end), row(at(14), at(14)), row(at(12), at(12)), row(end, end)];
      expect(await ends()).toEqual(now);

      const step = { migrations: ['Migration20261130180000_allowances_end_as_due'] };
      await money.orm.migrator.down(step);
      expect(await ends()).toEqual([row(end, end), row(end, at(14)), row(end, at(12)), row(at(65), at(65))]);
      await money.orm.migrator.up(step);
      expect(await ends()).toEqual(now);
    } finally {
      await money.close();
    }
  });
});
