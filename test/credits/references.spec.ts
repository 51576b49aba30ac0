import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../../src/common/ids.js';
import { Hold } from '../../src/credits/hold.entity.js';
import type { HoldRepository } from '../../src/credits/hold.repository.js';
import { attempt, member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';

const UNIT_MODEL = 'unit-price';

/** What foreign keys would hold, without their price for each line. */
describe('what lines of money point to', () => {
  let money: MoneyDatabase;
  beforeAll(async () => {
    money = await MoneyDatabase.open();
  });
  afterEach(async () => expect(await money.offenders()).toEqual([]));
  afterAll(() => money.close());

  const removeUser = (user: TestUser): Promise<unknown> => money.query('delete from users where id = ?', [user.id]);
  const removeModel = (id: string): Promise<unknown> => money.query('delete from models where id = ?', [id]);
  const addModel = async (): Promise<string> => {
    const id = `model-${newId()}`;
    await money.query(
      `insert into models (id, name, provider, meta) select ?, ?, provider, meta from models where id = ?`,
      [id, id, UNIT_MODEL],
    );
    await money.query(
      `insert into model_versions (model_id, version_no, meta, change_reason) select ?, 1, meta, 'test' from models where id = ?`,
      [id, id],
    );
    return id;
  };
  /** Removing a version is refused too, so that a model goes only with its versions. */
  const forgetVersions = (id: string): Promise<void> =>
    money.em.transactional(async (em) => {
      await em.execute('set local session_replication_role = replica');
      await em.execute('delete from model_versions where model_id = ?', [id]);
    });
  const settleWith = async (modelId: string): Promise<TestUser> => {
    const user = await money.userWith(1_000n);
    const held = member(user, 100n, { modelId });
    await money.holds.reserve([held], NOW);
    const settled = settlement(held, 60n);
    await money.holds.settle([{ ...settled, attempts: [{ ...attempt(60n), modelId }] }], NOW);
    return user;
  };

  it('a user with a hold, a posting or a call has to stay; one without any goes with the account', async () => {
    const nobody = await money.newUser();
    await removeUser(nobody);
    expect(await money.query('select 1 from credit_accounts where user_id = ?', [nobody.id])).toEqual([]);

    await expect(removeUser(await money.userWith(10n))).rejects.toThrow(/has to stay/);
    const holder = await money.userWith(1_000n);
    const held = member(holder, 100n);
    await money.holds.reserve([held], NOW);
    await expect(removeUser(holder)).rejects.toMatchObject({ code: '23503' });
    await expect(money.query('update users set id = ? where id = ?', [newId(), holder.id])).rejects.toThrow(
      /has to stay/,
    );
    await money.holds.settle([settlement(held, 60n)], NOW);
  });

  // Holds leave after their days; removed once, the look at the ledger: the user went.
  it('a user with a call alone has to stay', async () => {
    const user = await money.newUser();
    const held = member(user, 0n);
    await money.holds.reserve([held], NOW);
    await money.holds.settle([settlement(held, 0n)], NOW);
    const em = money.em;
    await em.begin();
    try {
      await em.execute('delete from credit_holds where user_id = ?', [user.id]);
      await expect(em.execute('delete from users where id = ?', [user.id])).rejects.toThrow(/has to stay/);
    } finally {
      await em.rollback();
    }
  });

  // Removed once, the account’s lock in the trigger: the user went, and the hold stayed.
  it('a user whose hold is being written has to stay', async () => {
    const user = await money.newUser();
    const held = member(user, 0n);
    const removal = await removedWhile(
      (holds) => holds.reserve([held], NOW),
      () => removeUser(user),
    );
    expect(removal).toMatch(/has to stay/);
    await money.holds.settle([settlement(held, 0n)], NOW);
  });

  it('a user who is gone has no account, and nothing is held for it', async () => {
    const user = await money.newUser();
    await removeUser(user);
    expect(await money.holds.reserve([member(user, 0n)], NOW)).toMatchObject([{ outcome: 'no_account' }]);
  });

  it('a call of a model that does not exist is refused whole', async () => {
    const user = await money.userWith(1_000n);
    const held = member(user, 100n);
    await money.holds.reserve([held], NOW);
    const unknown = { ...settlement(held, 60n), attempts: [{ ...attempt(60n), modelId: 'nothing' }] };
    await expect(money.holds.settle([unknown], NOW)).rejects.toThrow(/there is no model "nothing"/);
    expect(await money.account(user)).toMatchObject({ held: 100n, pending: 1 });
    await money.holds.settle([settlement(held, 60n)], NOW);
  });

  it('a model with calls has to stay; one without goes', async () => {
    const unused = await addModel();
    await forgetVersions(unused);
    await removeModel(unused);
    const used = await addModel();
    await settleWith(used);
    await expect(removeModel(used)).rejects.toMatchObject({
      code: '23503',
      message: expect.stringContaining('has to stay'),
    });
  });

  // Removed once, the lock of the model: it went, and the call stayed.
  it('a model whose call is being written has to stay', async () => {
    const modelId = await addModel();
    await forgetVersions(modelId);
    const user = await money.userWith(1_000n);
    const held = member(user, 100n, { modelId });
    await money.holds.reserve([held], NOW);
    const settled = { ...settlement(held, 60n), attempts: [{ ...attempt(60n), modelId }] };
    const removal = await removedWhile(
      (holds) => holds.settle([settled], NOW),
      () => removeModel(modelId),
    );
    expect(removal).toMatch(/has to stay/);
    await money.query(
      `insert into model_versions (model_id, version_no, meta, change_reason) select id, 1, meta, 'test' from models where id = ?`,
      [modelId],
    );
  });

  /** What comes of a removal that begins while a line is written and not committed yet. */
  async function removedWhile(
    write: (holds: HoldRepository) => Promise<unknown>,
    remove: () => Promise<unknown>,
  ): Promise<string> {
    const em = money.em;
    await em.begin();
    await write(em.getRepository(Hold));
    const removal = remove().then(
      () => 'removed',
      (error: Error) => error.message,
    );
    await sleep(300);
    await em.commit();
    return removal;
  }
});
