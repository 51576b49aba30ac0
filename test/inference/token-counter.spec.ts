import { TokenCounter } from '../../src/inference/token-counter.service.js';

/** Long enough for the thread to load its vocabulary on a busy machine. */
const PATIENT_MS = 30_000;

describe('TokenCounter', () => {
  let counter: TokenCounter;

  beforeAll(async () => {
    counter = new TokenCounter();
    counter.onModuleInit();
    await counter.count([['warm']], PATIENT_MS);
  });
  afterAll(() => counter.onApplicationShutdown());

  it('counts each group by itself', async () => {
    expect(await counter.count([['Hello world', 'Hello world'], ['Hello'], []], PATIENT_MS)).toEqual([4, 1, 0]);
  });

  it('counts text that looks like a special token', async () => {
    const [count] = (await counter.count([['<|endoftext|>']], PATIENT_MS)) ?? [];
    expect(count).toBeGreaterThan(1);
  });

  it('counts what it can in time and takes the rest by its bytes', async () => {
    const words = Array.from({ length: 150_000 }, (_, index) => ((index * 2_654_435_761) % 2 ** 32).toString(36)).join(
      ' ',
    );
    const [hurried = words.length] = (await counter.count([[words]], 150)) ?? [];
    const [counted = 0] = (await counter.count([[words]], PATIENT_MS)) ?? [];
    expect(counted).toBeGreaterThan(150_000);
    expect(hurried).toBeGreaterThanOrEqual(counted);
    expect(hurried).toBeLessThanOrEqual(words.length);
  });

  it('says how much of a count is bytes that it had no time for', async () => {
    expect(await counter.measure([['Hello world']], PATIENT_MS)).toEqual({ counts: [2], uncountedBytes: 0 });
    const words = Array.from({ length: 190_000 }, (_, index) => ((index * 40_503) % 2 ** 32).toString(36)).join(' ');
    const [whole = 0] = (await counter.count([[words]], PATIENT_MS)) ?? [];
    let cut: Awaited<ReturnType<TokenCounter['measure']>> = null;
    // The thread may not get to it at all in a short time, and may be done in a long one.
    for (let limitMs = 10; !cut?.uncountedBytes; limitMs = limitMs < 1_000 ? limitMs * 1.3 : 10)
      cut = await counter.measure([[words]], limitMs);
    const [count = 0] = cut.counts;
    expect(count).toBeGreaterThanOrEqual(whole);
    expect(count - cut.uncountedBytes).toBeLessThanOrEqual(whole);
  });

  it('does not even begin with text that is far too long', async () => {
    expect(await counter.count([['x'.repeat(2_000_001)]], PATIENT_MS)).toBeNull();
  });

  it('never holds up the thread that asks', async () => {
    const [own, all] = [process.threadCpuUsage(), process.cpuUsage()];
    await counter.count([['字'.repeat(400_000)]], PATIENT_MS);
    // Its share of the processor time, because how long it waited says how busy the machine is.
    expect(total(process.threadCpuUsage(own))).toBeLessThan(total(process.cpuUsage(all)) / 2);
  });

  it('answers null once it is stopped', async () => {
    const stopped = new TokenCounter();
    stopped.onModuleInit();
    const waiting = stopped.count([['Hello']], PATIENT_MS);
    await stopped.onApplicationShutdown();
    expect(await waiting).toBeNull();
    expect(await stopped.count([['Hello']])).toBeNull();
  });
});

function total({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}
