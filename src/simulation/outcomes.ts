import { AppError } from '../common/errors/app-error.js';

/** What happened how often. A refusal is an outcome like any other; anything else that is thrown ends the simulation. */
export class Outcomes {
  private readonly counts = new Map<string, number>();

  add(name: string, count = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** In alphabetical order, so that two runs read alike. */
  entries(): [name: string, count: number][] {
    return [...this.counts].toSorted(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Counts `work` under its name, or its refusal under the refusal's code; `undefined` then. */
  async attempt<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.add(name);
      return result;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.add(`${name} refused: ${error.code}`);
      return undefined;
    }
  }
}

/** Runs `work` for all, at most `width` at a time. */
export async function eachOf<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: Math.min(width, items.length) }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
