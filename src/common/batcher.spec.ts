import { setImmediate as tick, setTimeout as sleep } from 'node:timers/promises';
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { Batcher, type BatcherOptions, type Sending } from './batcher.js';

interface Member {
  id: string;
  lane: string;
}

interface Sent {
  members: Member[];
  sending: Sending;
  resolve: () => void;
  reject: (error: Error) => void;
}

const member = (id: string | number, lane: string | number = id): Member => ({ id: String(id), lane: String(lane) });
const ids = (members: readonly Member[]): string[] => members.map(({ id }) => id);
const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code && { code });
const POISON = failure('violates a check', '23514');
const LOST = failure('Connection terminated unexpectedly');
const AWAY = failure('connect ECONNREFUSED', 'ECONNREFUSED');

/** A batcher whose batches stay in flight until the test ends them. The answer of a member is its own id. */
function bench(options: Partial<BatcherOptions<Member, string>> = {}) {
  const sent: Sent[] = [];
  const batcher = new Batcher<Member, string>({
    membersMax: 4,
    inFlightMax: 1,
    waitingMax: 8,
    laneWaitingMax: 8,
    now: () => new Date(),
    keysOf: ({ id }) => [id],
    laneOf: ({ lane }) => lane,
    send: (members, sending) =>
      new Promise((resolve, reject) => {
        sent.push({ members: [...members], sending, resolve: () => resolve(ids(members)), reject });
      }),
    ...options,
  });
  const add = (...members: Member[]): Promise<string>[] => members.map((one) => batcher.add(one));
  return { batcher, sent, add };
}

async function outcomes(promises: Promise<string>[]): Promise<string[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : String((one.reason as Error).message)));
}

describe('a batcher', () => {
  it('sends a single member at once, without a timer', async () => {
    const { sent, add } = bench();
    const [answer] = add(member('a'));
    await tick();
    expect(sent.map(({ members }) => ids(members))).toEqual([['a']]);
    sent[0]!.resolve();
    await expect(answer).resolves.toBe('a');
  });

  /** Fails when a batch goes out before the turn of the event loop is over: requests come one by one from their sockets. */
  it('sends what comes in one turn together, and collects while that is in flight', async () => {
    const { sent, add } = bench();
    const answers = add(member('a'));
    await Promise.resolve();
    answers.push(...add(member('b')));
    await tick();
    answers.push(...add(member('c')));
    await tick();
    answers.push(...add(member('d'), member('e')));
    await tick();
    expect(sent).toHaveLength(1);
    sent[0]!.resolve();
    await tick();
    expect(sent.map(({ members }) => ids(members))).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
    sent[1]!.resolve();
    expect(await outcomes(answers)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  /** Fails when batches overlap at once, and when they never do. */
  it('lets a batch have the way for a while, and goes past one that takes long', async () => {
    const { sent, add } = bench({ inFlightMax: 2, overlapAfterMs: 300 });
    const answers = add(member('a'));
    await tick();
    answers.push(...add(member('b')));
    await tick();
    expect(sent).toHaveLength(1);
    while (sent.length < 2) await sleep(10);
    expect(sent.map(({ members }) => ids(members))).toEqual([['a'], ['b']]);
    for (const { resolve } of sent) resolve();
    expect(await outcomes(answers)).toEqual(['a', 'b']);
  });

  /** Fails when the limit of waiting members is not looked at. */
  it('refuses whoever comes when as many wait as may, and takes members again as soon as a batch has ended', async () => {
    const { sent, add, batcher } = bench();
    const answers = add(...Array.from({ length: 12 }, (_, index) => member(index)));
    await tick();
    expect(batcher.waitingCount).toBe(8);
    await expect(batcher.add(member('late'))).rejects.toMatchObject({
      code: 'overloaded',
      status: 503,
      headers: { 'retry-after': '1' },
    });
    sent[0]!.resolve();
    await tick();
    answers.push(...add(member('later')));
    for (let index = 1; index < 4; index += 1) {
      sent[index]!.resolve();
      await tick();
    }
    expect((await outcomes(answers)).at(-1)).toBe('later');
  });

  /** Fails when the share of a lane is not looked at: then the light one is refused. */
  it('gives one lane a share of the queue: a heavy one is refused beyond it, a light one is served in the next batch', async () => {
    const { sent, add, batcher } = bench({ laneWaitingMax: 5, inFlightMax: 2 });
    const heavy = add(...Array.from({ length: 4 }, (_, index) => member(`first ${index}`, 'heavy')));
    await tick();
    heavy.push(...add(...Array.from({ length: 20 }, (_, index) => member(`more ${index}`, 'heavy'))));
    const refused = Promise.allSettled(heavy);
    const light = add(member('light'));
    await tick();
    expect(batcher.waitingCount).toBe(5);
    expect(sent.map(({ members }) => ids(members).at(-1))).toEqual(['first 3', 'light']);
    for (let index = 0; index < sent.length; index += 1) {
      sent[index]!.resolve();
      await tick();
    }
    expect(await outcomes(light)).toEqual(['light']);
    const answers = await refused;
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(9);
    expect(answers.at(-1)).toMatchObject({ reason: { code: 'overloaded', details: { waiting: 5 } } });
    void add(member('again', 'heavy'));
    await tick();
    expect(ids(sent.at(-1)!.members)).toEqual(['again']);
  });

  it('lets members of a lane wait for those of it that are in flight, while others go by', async () => {
    const { sent, add } = bench({ inFlightMax: 2 });
    const answers = add(member(1, 'slow'));
    await tick();
    answers.push(...add(member(2, 'slow'), member(3, 'other'), member(4, 'slow')));
    await tick();
    answers.push(...add(member(5, 'third')));
    await tick();
    expect(sent.map(({ members }) => ids(members))).toEqual([['1'], ['3']]);
    sent[1]!.resolve();
    await tick();
    expect(sent.map(({ members }) => ids(members))).toEqual([['1'], ['3'], ['5']]);
    sent[0]!.resolve();
    await tick();
    expect(sent.map(({ members }) => ids(members)).at(-1)).toEqual(['2', '4']);
    sent.forEach(({ resolve }) => resolve());
    expect(await outcomes(answers)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('never has one key twice in a batch, and lets nobody of the lane pass the one that waits', async () => {
    const { sent, add } = bench();
    const answers = add(member('x', 'u'), member('x', 'u'), member('y', 'u'), member('z', 'v'));
    await tick();
    sent[0]!.resolve();
    await tick();
    sent[1]!.resolve();
    await outcomes(answers);
    expect(sent.map(({ members }) => ids(members))).toEqual([
      ['x', 'z'],
      ['x', 'y'],
    ]);
  });

  it('gives a batch one time, never before that of an earlier batch, and the same when it is sent again', async () => {
    const readings = [1_000, 900, 1_100];
    const { sent, add } = bench({ now: () => new Date(readings.shift()!) });
    const answers: Promise<string>[] = [];
    for (const id of ['a', 'b', 'c']) {
      answers.push(...add(member(id)));
      await tick();
      if (id === 'b') {
        sent.at(-1)!.reject(LOST);
        while (sent.length < 3) await tick();
      }
      sent.at(-1)!.resolve();
      await tick();
    }
    expect(await outcomes(answers)).toEqual(['a', 'b', 'c']);
    expect(sent.map(({ sending }) => sending.at.getTime())).toEqual([1_000, 1_000, 1_000, 1_100]);
  });

  it('belongs to nobody’s context', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const send = (members: readonly Member[]) => {
      seen.push(context.getStore());
      return Promise.resolve(ids(members));
    };
    const { batcher } = bench({ send });
    await context.run('a request', () => batcher.add(member('a')));
    expect(seen).toEqual([undefined]);
  });

  it('drains what waits and what flies', async () => {
    const { sent, add, batcher } = bench({ membersMax: 1 });
    const answers = add(member('a'), member('b'));
    let isDrained = false;
    const drained = batcher.drain().then(() => (isDrained = true));
    for (const expected of [1, 2]) {
      await tick();
      expect(isDrained).toBe(false);
      expect(sent).toHaveLength(expected);
      sent.at(-1)!.resolve();
    }
    await drained;
    expect(await outcomes(answers)).toEqual(['a', 'b']);
    await batcher.drain();
  });
});

describe('a batch that fails', () => {
  const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => member(id));

  /** Sends for real: fails as `failing` says, and notes who was carried out. */
  function failingBench(failing: (members: readonly Member[], call: number) => Error | null) {
    const done: string[] = [];
    const calls: Sending[] = [];
    const { add } = bench({
      membersMax: 256,
      waitingMax: 1_024,
      send: (batch, sending) => {
        calls.push(sending);
        const error = failing(batch, calls.length);
        if (error) return Promise.reject(error);
        done.push(...ids(batch));
        return Promise.resolve(ids(batch));
      },
    });
    return { add, done, calls };
  }

  /** Fails when a failed batch rejects all its members. */
  it('fails for the member at fault alone; the others are carried out in their order', async () => {
    const { add, done } = failingBench((batch) => (ids(batch).includes('c') ? POISON : null));
    expect(await outcomes(add(...members))).toEqual(['a', 'b', POISON.message, 'd', 'e', 'f', 'g']);
    expect(done).toEqual(['a', 'b', 'd', 'e', 'f', 'g']);
  });

  it('is run once more as it was where the answer was lost, and says that it may have been carried out', async () => {
    const { add, calls } = failingBench((_, call) => (call === 1 ? LOST : null));
    expect(await outcomes(add(...members))).toEqual(ids(members));
    expect(calls.map(({ mayHaveRun }) => mayHaveRun)).toEqual([false, true]);
  });

  it('is run once more where the database undid it for others, without that doubt', async () => {
    const { add, calls } = failingBench((_, call) => (call === 1 ? failure('deadlock detected', '40P01') : null));
    expect(await outcomes(add(...members))).toEqual(ids(members));
    expect(calls.map(({ mayHaveRun }) => mayHaveRun)).toEqual([false, false]);
  });

  it.each([
    ['the database is away', AWAY, 1],
    ['the answer is lost twice', LOST, 2],
  ])('fails for all when %s, instead of being tried for each', async (_name, error, attempts) => {
    const { add, calls } = failingBench(() => error);
    expect(await outcomes(add(...members))).toEqual(members.map(() => error.message));
    expect(calls).toHaveLength(attempts);
  });

  it('keeps the doubt while it looks for the member at fault', async () => {
    const { add, calls } = failingBench((batch, call) => {
      if (call === 1) return LOST;
      return ids(batch).includes('a') ? POISON : null;
    });
    expect(await outcomes(add(member('a'), member('b')))).toEqual([POISON.message, 'b']);
    expect(calls.map(({ mayHaveRun }) => mayHaveRun)).toEqual([false, true, true, true]);
  });

  it('fails for all, and not twice, when its results do not fit its members', async () => {
    const { batcher } = bench({ send: () => Promise.resolve([]) });
    await expect(batcher.add(member('a'))).rejects.toThrow('1 members have 0 results');
  });
});

/** Fails when a lane is not kept, the limits are not, or a failure loses or repeats a member. */
it('keeps order and limits, and answers each member once, whatever comes and fails', async () => {
  const scenario = fc.record({
    membersMax: fc.integer({ min: 1, max: 6 }),
    inFlightMax: fc.integer({ min: 1, max: 3 }),
    members: fc.array(
      fc.record({ id: fc.integer({ min: 0, max: 60 }), lane: fc.integer({ min: 0, max: 6 }), waits: fc.boolean() }),
      { maxLength: 60 },
    ),
    poisoned: fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 5 }),
    lostCalls: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 2 }),
    turns: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 80 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ membersMax, inFlightMax, members, poisoned, lostCalls, turns }) => {
      const flying = new Set<readonly Member[]>();
      const carriedOut: Member[] = [];
      let calls = 0;
      let mostFlying = 0;
      const { batcher } = bench({
        membersMax,
        inFlightMax,
        waitingMax: 1_024,
        send: async (batch) => {
          calls += 1;
          const isLost = lostCalls.includes(calls);
          flying.add(batch);
          mostFlying = Math.max(mostFlying, flying.size);
          expect(batch.length).toBeLessThanOrEqual(membersMax);
          expect(new Set(ids(batch)).size).toBe(batch.length);
          const lanes = [...flying].flatMap((one) => [...new Set(one.map(({ lane }) => lane))]);
          expect(new Set(lanes).size).toBe(lanes.length);
          for (let turn = turns[calls % Math.max(turns.length, 1)] ?? 0; turn > 0; turn -= 1) await tick();
          flying.delete(batch);
          if (isLost) throw LOST;
          if (batch.some(({ id }) => poisoned.includes(Number(id)))) throw POISON;
          carriedOut.push(...batch);
          return ids(batch);
        },
      });
      const answers: Promise<string>[] = [];
      const added: Member[] = [];
      for (const { id, lane, waits } of members) {
        added.push(member(id, lane));
        answers.push(batcher.add(added.at(-1)!));
        answers.at(-1)!.catch(() => undefined); // looked at once all are there, which may be later than it fails
        if (waits) await tick();
      }
      const seen = await outcomes(answers);
      await batcher.drain();
      expect(mostFlying).toBeLessThanOrEqual(inFlightMax);
      const succeeded = added.filter((_, index) => seen[index] === added[index]!.id);
      for (const { id } of succeeded) expect(poisoned).not.toContain(Number(id));
      const failed = added.filter((one) => !succeeded.includes(one));
      // A batch may lose its answer twice, and fails then; otherwise nobody fails but the poisoned.
      if (lostCalls.length < 2) for (const { id } of failed) expect(poisoned).toContain(Number(id));
      for (const lane of new Set(added.map((one) => one.lane))) {
        const inLane = (list: Member[]): Member[] => list.filter((one) => one.lane === lane);
        expect(inLane(carriedOut)).toEqual(inLane(succeeded));
      }
    }),
    { numRuns: 60 },
  );
});
