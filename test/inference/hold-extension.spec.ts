import { setTimeout as sleep } from 'node:timers/promises';
import { HoldSweeper } from '../../src/credits/hold-sweeper.js';
import { ChatHoldService, HOLD_TTL_MS } from '../../src/inference/chat-hold.service.js';
import type { ChatProvider } from '../../src/inference/providers/chat-provider.js';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { startServerProcess } from '../support/server-process.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { type Answer, type Caller, ChatBench, HELLO } from './chat-bench.js';
import { ANSWER, chunk, scriptedProvider, usageEvent } from './fakes.js';

/** Short enough to be outlived by a test, long enough for a busy machine to extend in time. */
const TTL_MS = 1_500;

/** An answer that takes as long as the test wants. */
class LongAnswer {
  private open!: () => void;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  readonly provider: ChatProvider = scriptedProvider({
    answer: () => this.opened.then(() => ANSWER),
    events: this.events(),
  });

  end(): void {
    this.open();
  }

  private async *events() {
    yield chunk('Hel');
    await this.opened;
    yield usageEvent();
  }
}

describe('a hold lives as long as its request', () => {
  let bench: ChatBench;
  /** A second server on the same database, which sweeps. */
  let other: TestApp;

  beforeAll(async () => {
    bench = await ChatBench.start();
    other = await startTestApp({ database: bench.server.database, publicUrl: bench.server.url });
  });

  afterAll(async () => {
    await other.close();
    await bench.close();
  });

  const sweep = (aheadMs = 0): Promise<number> => other.app.get(HoldSweeper).sweep(new Date(Date.now() + aheadMs));

  /** Begins a chat whose answer ends when the test says so. */
  async function begin(caller: Caller, stream: boolean): Promise<{ answer: Promise<Answer>; end: () => void }> {
    const long = new LongAnswer();
    const registry = bench.server.app.get(ProviderRegistry);
    const original = registry.routeOf;
    registry.routeOf = () => ({ provider: long.provider, isSandbox: false });
    const answer = caller.chat({ ...HELLO, stream });
    while (!(await holdOf(caller))) await sleep(10);
    registry.routeOf = original;
    return { answer, end: () => long.end() };
  }

  async function holdOf(
    caller: Caller,
  ): Promise<{ state: string; created_at: string; expires_at: string } | undefined> {
    const [hold] = await bench.server.orm.em
      .getConnection()
      .execute<{ state: string; created_at: string; expires_at: string }[]>(
        'select state, created_at, expires_at from credit_holds where user_id = ?',
        [caller.userId],
      );
    return hold;
  }

  /** Fails when nothing extends holds, or only those of streams. */
  it('plain or streamed, whatever another server sweeps', async () => {
    const holds = bench.server.app.get(ChatHoldService);
    holds.ttlMs = TTL_MS;
    const callers = [await bench.caller(), await bench.caller()];
    const begun = [await begin(callers[0]!, false), await begin(callers[1]!, true)];
    holds.ttlMs = HOLD_TTL_MS;
    const until = Date.now() + 2 * TTL_MS;
    while (Date.now() < until) {
      expect(await sweep()).toBe(0);
      await sleep(50);
    }
    begun.forEach(({ end }) => end());
    for (const [index, { answer }] of begun.entries()) {
      expect((await answer).status).toBe(200);
      expect(await callers[index]!.settled()).toHaveLength(1);
      const { state, created_at, expires_at } = (await holdOf(callers[index]!))!;
      expect(state).toBe('settled');
      expect(Date.parse(expires_at) - Date.parse(created_at)).toBeGreaterThan(2 * TTL_MS);
    }
  });

  /** Fails when extensions go on for a hold that has ended. */
  it('and is left alone once it has ended', async () => {
    const holds = bench.server.app.get(ChatHoldService);
    holds.ttlMs = 30;
    const caller = await bench.caller();
    expect((await caller.chat(HELLO)).status).toBe(200);
    holds.ttlMs = HOLD_TTL_MS;
    let extensions = 0;
    const { extend } = holds['metering'];
    holds['metering'].extend = (...call) => {
      extensions += 1;
      return extend.apply(holds['metering'], call);
    };
    await sleep(100);
    holds['metering'].extend = extend;
    expect(extensions).toBe(0);
  });

  it('and is charged late where it expired all the same', async () => {
    const caller = await bench.caller();
    const { answer, end } = await begin(caller, true);
    expect(await sweep(HOLD_TTL_MS)).toBe(1);
    end();
    expect((await answer).body['text']).toContain('[DONE]');
    expect(await caller.ledger()).toHaveLength(1);
    expect(await holdOf(caller)).toMatchObject({ state: 'settled_late' });
  });

  /** Fails when a hold is taken for the longest answer there may be. */
  it('and is free again minutes after its process was killed', async () => {
    const victim = await startServerProcess(bench.processEnvironment);
    const caller = await bench.caller();
    const lost = fetch(`${victim.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...HELLO, model: 'sandbox-timeout' }),
    }).catch(() => 'lost');
    while (!(await holdOf(caller))) await sleep(5);
    await victim.kill();
    expect(await lost).toBe('lost');
    expect(await sweep()).toBe(0);
    expect(await caller.openHolds()).toBe(1);
    expect(await sweep(HOLD_TTL_MS)).toBe(1);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toEqual([]);
    expect(HOLD_TTL_MS).toBeLessThanOrEqual(180_000);
  });
});
