import { nameKey } from './name-list.js';

/** What one model answered. */
export interface ModelNames {
  model: string;
  /** Best first. */
  names: readonly string[];
  /** How much the user lets it count: 0 or more. */
  weight: number;
}

export interface PooledName {
  name: string;
  /** Every model that suggested it, first the one whose word counts most for it. */
  models: string[];
  /** 0 to 100, with two decimals: 100 where every model that counts put it first. */
  score: number;
}

/** The last name of a list counts half as much as the first. */
const LAST_COUNTS = 0.5;

/**
 * The names of all models, each once however it is spelt, best first. A name's score is the share of the models' weights that speak for it,
 * each less the further down its list the name stands.
 */
export function poolNames(answers: readonly ModelNames[]): PooledName[] {
  const heard = answers.filter(({ names }) => names.length > 0);
  const weightSum = heard.reduce((sum, { weight }) => sum + weight, 0);
  const pool = new Map<string, { name: string; voices: { model: string; value: number }[] }>();
  for (const { model, names, weight } of heard) {
    for (const [index, name] of names.entries()) {
      const value = weight * (1 - ((1 - LAST_COUNTS) * index) / names.length);
      const known = pool.get(nameKey(name)) ?? { name, voices: [] };
      known.voices.push({ model, value });
      pool.set(nameKey(name), known);
    }
  }
  return [...pool.values()]
    .map(({ name, voices }) => ({
      name,
      models: voices.toSorted((one, other) => other.value - one.value).map(({ model }) => model),
      score: weightSum === 0 ? 0 : rounded((voices.reduce((sum, { value }) => sum + value, 0) / weightSum) * 100),
    }))
    .toSorted((one, other) => other.score - one.score);
}

function rounded(score: number): number {
  return Math.round(score * 100) / 100;
}
