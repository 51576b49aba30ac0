import { type MockBehaviour, type MockUsage, OpenAiMock } from '../support/openai-mock.js';

/** What the provider did with one request, and what it counted for it: null where it told nobody. */
export interface Fate {
  name: string;
  usage: MockUsage | null;
}

const ZERO: MockUsage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** Of a hundred requests, how many meet which fate. */
const FATES: [weight: number, name: string, make: (random: () => number) => MockBehaviour][] = [
  [44, 'fine', () => ({})],
  [10, 'delayed', (random) => ({ delayMs: 20 + 400 * random() })],
  [8, 'cumulative', () => ({ usageInEveryChunk: true })],
  [7, 'absent', () => ({ usage: null })],
  [7, 'zero', () => ({ usage: ZERO })],
  [5, 'dropped', () => ({ dropped: true })],
  [6, 'cut', (random) => ({ cutAfterChunks: Math.floor(6 * random()), dropped: random() < 0.2 })],
  [3, 'stalled', (random) => ({ stallAfterChunks: Math.floor(6 * random()) })],
  [4, 'garbage', (random) => (random() < 0.5 ? { rawBody: '<html>' } : { garbageAfterChunks: 3 })],
  [6, 'refused', (random) => ({ status: [500, 502, 503, 429][Math.floor(4 * random())]! })],
];
const WEIGHTS = FATES.reduce((sum, [weight]) => sum + weight, 0);

/** A provider that is never the same twice, and remembers what it did: its answers begin with the name under which it does. */
export class ChaosProvider extends OpenAiMock {
  readonly fates = new Map<string, Fate>();

  constructor(private readonly random: () => number) {
    super(false);
  }

  protected override nextBehaviour(): MockBehaviour {
    const id = `answer-${this.fates.size + 1}`;
    const [, name, make] = this.draw();
    const behaviour = { content: `${id} ${'word '.repeat(8)}`, usage: this.count(), ...make(this.random) };
    this.fates.set(id, { name, usage: behaviour.usage });
    return behaviour;
  }

  private draw(): (typeof FATES)[number] {
    let left = this.random() * WEIGHTS;
    return FATES.find(([weight]) => (left -= weight) < 0) ?? FATES[0]!;
  }

  /** Within what is held for the prompt and the limit of the test. */
  private count(): MockUsage {
    const prompt = 1 + Math.floor(40 * this.random());
    const completion = 1 + Math.floor(45 * this.random());
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
