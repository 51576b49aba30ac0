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

  it('gives up on text that takes too long, and counts the next', async () => {
    const began = performance.now();
    expect(await counter.count([['字'.repeat(400_000)]])).toBeNull();
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(await counter.count([['Hello']], PATIENT_MS)).toEqual([1]);
  });

  it('does not even begin with text that is far too long', async () => {
    expect(await counter.count([['x'.repeat(500_001)]], PATIENT_MS)).toBeNull();
  });

  it('never holds up the thread that asks', async () => {
    const counting = counter.count([['字'.repeat(400_000)]]);
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(performance.now() - began).toBeLessThan(40);
    await counting;
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
