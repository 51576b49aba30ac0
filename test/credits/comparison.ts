import { setTimeout as sleep } from 'node:timers/promises';
import { isPassingFailure } from '../../src/common/errors/passing-failure.js';
import { type Deed, type Life, newLife, type Owned } from './comparison-life.js';
import { bookDeed } from './comparison-books.js';
import { holdDeed } from './comparison-holds.js';
import { planDeed } from './comparison-plans.js';
import { describeReference, describeStored } from './comparison-state.js';
import type { LivesDatabase } from './lives-database.js';
import type { Operation, Step } from './operations.js';
import { burnable, type Tier } from './reference-account.js';
import * as actions from './reference-actions.js';
import { closeDue, periodEnd, live } from './reference-periods.js';
import { sweep } from './reference.js';

const ATTEMPTS_MAX = 10;

/** Runs one life in the database and in the reference, side by side; both must say the same after every step. */
export class Comparison {
  private constructor(
    private readonly lives: LivesDatabase,
    readonly life: Life,
  ) {}

  /** Users on these plans, from `birth` on. */
  static async begin(lives: LivesDatabase, birth: Date, tiers: readonly Tier[]): Promise<Comparison> {
    await lives.clear();
    const comparison = new Comparison(lives, await newLife(lives, birth));
    for (const tier of tiers) await comparison.enter(tier);
    await comparison.check('birth');
    return comparison;
  }

  async run({ operation, crashAfter }: Step): Promise<void> {
    if (operation.kind === 'wait' || operation.kind === 'boundary') return this.wait(operation);
    const deed = deedOf(this.life, operation);
    const { actual, hasCrashed } = await this.perform(deed, crashAfter);
    const expected = deed.predict();
    // What ran twice may say so; what came of it may not differ.
    if (!hasCrashed) expect({ operation, answer: actual }).toEqual({ operation, answer: expected });
    await this.check(JSON.stringify(operation));
  }

  /** Lets everything happen that waits for a job, and then nothing may be left that is overdue. */
  async end(): Promise<void> {
    const { services, rollover, owned } = this.life;
    const now = this.life.at();
    await services.sweeper.sweep(now);
    for (const { account } of owned) sweep(account, now.getTime());
    await rollover.run(now);
    for (const { account } of owned) closeDue(account, now.getTime());
    await this.life.ledger.expiry.expireGrants(now);
    for (const { account } of owned) actions.expire(account, now.getTime());
    await this.check('the end');
    expect(await this.lives.offenders(now)).toEqual([]);
    expect(
      this.life.stored.accounts.filter(({ next_due_at: due }) => due !== null && new Date(String(due)) <= now),
    ).toEqual([]);
  }

  private async enter(tier: Tier): Promise<void> {
    const { life } = this;
    const user = await this.lives.money.newUser({ hasAccount: false });
    await life.services.subscriptions.startPlan(
      user.id,
      tier,
      { actorId: null, reason: 'test', isTrial: false },
      life.at(),
    );
    const one: Owned = { user, account: life.newAccount(), hasPromise: false };
    actions.startPlan(one.account, tier, false, life.now);
    life.owned.push(one);
  }

  private wait(operation: Extract<Operation, { kind: 'wait' | 'boundary' }>): void {
    const { life } = this;
    if (operation.kind === 'wait') {
      life.now += operation.ms;
      return;
    }
    const { account } = life.owner(operation.user);
    const one = live(account);
    const end = account.dueAt ?? (one ? periodEnd(one) : life.now);
    life.now = Math.max(life.now, end + operation.offset);
  }

  /** Does it; where its session is killed on the way, does it again. */
  private async perform(deed: Deed, crashAfter: number | null): Promise<{ actual: unknown; hasCrashed: boolean }> {
    if (crashAfter === null) return { actual: await deed.perform(), hasCrashed: false };
    await this.lives.armCrash(crashAfter);
    let failure: { error: unknown } | undefined;
    let actual: unknown;
    try {
      actual = await deed.perform();
    } catch (error) {
      failure = { error };
    }
    const hasCrashed = await this.lives.disarmCrash();
    if (failure && !hasCrashed) throw failure.error;
    if (hasCrashed) {
      this.life.crashes += 1;
      actual = await again(deed);
    }
    return { actual, hasCrashed };
  }

  /** Both sides are equal, the books balance, and nobody owes and has at the same time. */
  private async check(after: string): Promise<void> {
    const { life } = this;
    life.stored = await this.lives.stored();
    for (const { user, account, hasPromise } of life.owned) {
      life.names.learn(life.stored, user.id);
      for (const row of life.stored.grants.filter(({ user_id: owner }) => owner === user.id)) {
        const grant = account.grants.find(({ key }) => key === life.names.ofGrant(row));
        if (grant) grant.id = String(row['id']);
      }
      expect({ after, is: describeStored(life.stored, user.id, life.names) }).toEqual({
        after,
        is: describeReference(account),
      });
      if (account.debt > 0n && !hasPromise)
        expect({ after, free: burnable(account, life.now) }).toEqual({ after, free: [] });
    }
    expect({ after, offenders: await this.lives.offenders(new Date(0)) }).toEqual({ after, offenders: [] });
    life.note();
  }
}

/** The pool may hand out a connection or two before it notices that they are gone. */
async function again({ perform }: Deed): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    await sleep(5 * attempt);
    try {
      return await perform();
    } catch (error) {
      if (!isPassingFailure(error) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

function deedOf(life: Life, operation: Exclude<Operation, { kind: 'wait' | 'boundary' }>): Deed {
  switch (operation.kind) {
    case 'reserve':
    case 'settle':
    case 'lose':
    case 'extend':
    case 'sweep':
      return holdDeed(life, operation);
    case 'close':
    case 'roll':
    case 'read':
    case 'act':
    case 'start':
      return planDeed(life, operation);
    case 'grant':
    case 'promise':
    case 'expire':
    case 'adjust':
    case 'reverse':
    case 'refund':
      return bookDeed(life, operation);
  }
}
