import { correctionOf, ledgerServices, type LedgerServices } from './ledger-services.js';
import { member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';
import { moneyServices, type MoneyServices } from './money-services.js';

const CREDIT = 1_000_000n;
const days = (count: number): Date => new Date(NOW.getTime() + count * 86_400_000);

describe('when the credits will end', () => {
  let money: MoneyDatabase;
  let services: MoneyServices;
  let books: LedgerServices;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    services = moneyServices(money.orm, NOW);
    books = ledgerServices(money.orm);
    // The accounts of this spec are their grants alone: nobody is put on a plan.
    services.credits.keepAccountsWith({
      keepUp: () => Promise.resolve(),
      hasAllowanceToCome: () => Promise.resolve(true),
    });
  });
  afterAll(() => money.close());

  async function spend(user: TestUser, credits: bigint): Promise<string> {
    const one = member(user, credits * CREDIT, { boundTokens: 1 });
    expect(await money.holds.reserve([one], NOW)).toMatchObject([{ outcome: 'held' }]);
    await money.holds.settle([settlement(one, credits * CREDIT, NOW)], NOW);
    return one.id;
  }
  const forecast = async (user: TestUser) => (await services.credits.balance(user.id, NOW)).exhaustionAt;

  it('counts no use that was refunded', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { source: 'purchase', amountUcr: 1_000n * CREDIT });
    const refunded = await spend(user, 600n);
    await books.ledger.refund(correctionOf(user), refunded, NOW);
    expect(await forecast(user)).toBeNull();
    await spend(user, 100n);
    expect(await forecast(user)).toEqual(days(63));
    expect(await money.offenders()).toEqual([]);
  });

  it('is no later than the credits last, and counts on the renewal of an allowance', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { source: 'promo', amountUcr: 1_000n * CREDIT, expiresAt: days(2) });
    await spend(user, 7n);
    expect(await forecast(user)).toEqual(days(2));
    await money.addGrant(user, { source: 'subscription', amountUcr: 10n * CREDIT, expiresAt: days(3) });
    expect(await forecast(user)).toEqual(days(12));
  });
});
