import fc from 'fast-check';
import { Comparison } from './comparison.js';
import { LivesDatabase } from './lives-database.js';
import { birth, operation, type Operation, tiers, USERS } from './operations.js';
import { isEligible, type ReferenceAccount } from './reference-account.js';
import { describeReference } from './comparison-state.js';

const RUNS = { numRuns: 12, seed: 20_260_510 };

/** Steps after which accounts are up to date, or before which they are brought there, as requests and routes do it. */
const KINDS: readonly Operation['kind'][] = ['grant', 'reserve', 'settle', 'act', 'start', 'wait', 'boundary'];

const steps = fc.array(
  fc.record({
    what: operation.filter(({ kind }) => KINDS.includes(kind)),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 8, maxLength: 30, size: 'max' },
);

const CLOSES = Array.from({ length: USERS }, (_, user): Operation => ({ kind: 'close', user }));
/** All that runs by itself in between. */
const RUNS_BETWEEN: readonly Operation[] = [{ kind: 'roll' }, { kind: 'expire' }, { kind: 'read', user: 0 }];

/**
 * Nothing depends on when, or how often, the jobs ran: one life whose jobs run at the end of each wait, and the same life whose jobs run in the
 * middle of it as well, on two databases. Which of two grants of one period burns first may depend on it, what the period spent may not.
 */
describe('one run over a time', () => {
  let whole: LivesDatabase;
  let split: LivesDatabase;

  beforeAll(async () => {
    whole = await LivesDatabase.open();
    split = await LivesDatabase.open();
  });

  afterAll(async () => {
    await whole.close();
    await split.close();
  });

  it('comes to the same as two runs over its parts', async () => {
    let cuts = 0;
    await fc.assert(
      fc.asyncProperty(birth, tiers, steps, async (at, on, life) => {
        const one = await Comparison.begin(whole, at, on);
        const two = await Comparison.begin(split, at, on);
        for (const { what, cut } of life) {
          const before = one.life.now;
          await run(one, [what]);
          const ms = one.life.now - before;
          if (what.kind !== 'wait' && what.kind !== 'boundary') {
            await run(two, [what]);
          } else if (ms > 0) {
            const first = Math.floor(ms * cut);
            await run(two, [{ kind: 'wait', ms: first }, ...RUNS_BETWEEN, { kind: 'wait', ms: ms - first }]);
            cuts += 1;
          }
          await run(one, CLOSES);
          await run(two, CLOSES);
        }
        await one.end();
        await two.end();
        expect(two.life.owned.map(({ account }) => sumsOf(account))).toEqual(
          one.life.owned.map(({ account }) => sumsOf(account)),
        );
      }),
      RUNS,
    );
    expect(cuts).toBeGreaterThan(RUNS.numRuns);
  }, 300_000);
});

async function run(comparison: Comparison, operations: readonly Operation[]): Promise<void> {
  for (const one of operations) await comparison.run({ operation: one, crashAfter: null });
}

/** The account, its periods, and per period or grant what came, was spent and was lost; holds by their order. */
function sumsOf(account: ReferenceAccount): string[] {
  const lines = describeReference(account).filter((line) => /^(account|close|subscription) /.test(line));
  const holds = [...account.holds.values()].map(({ state, amount, cost, newDebt }) =>
    ['hold', state, amount, cost, newDebt].join(' '),
  );
  const sums = new Map<string, [bigint, bigint, bigint, bigint]>();
  for (const grant of account.grants) {
    const { period, total, used, expired, held } = grant;
    const name =
      isEligible(grant) && period ? `${period.subscription.name}:${period.index}` : withoutOperator(grant.key);
    const [a, b, c, d] = sums.get(name) ?? [0n, 0n, 0n, 0n];
    sums.set(name, [a + total, b + used, c + expired, d + held]);
  }
  return [...lines, ...holds, ...[...sums].map(([name, of]) => `grants ${name} ${of.join(' ')}`).sort()];
}

/** The key of an operator's grant names the operator, who is another one in every run. */
function withoutOperator(key: string): string {
  return key.replace(/^admin:[^:]+:/, 'admin:');
}
