import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';

/** Beyond these the simulation takes hours, which is never what was meant. */
const SUBSCRIPTIONS_MAX = 20_000;
const MONTHS_MAX = 60;
const SEED_MAX = 4_294_967_295;

export interface SimulationOptions {
  subscriptions: number;
  months: number;
  seed: number;
  /** Absolute path of the page. */
  out: string;
  /** Whether the database stays behind. */
  keep: boolean;
}

/** @throws OperatorError listing every fault of the arguments. */
export function readSimulationOptions(values: Record<string, string | boolean | undefined>): SimulationOptions {
  const faults: string[] = [];
  const integer = (name: string, otherwise: number, [least, most]: [number, number]): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    const value = typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most))
      faults.push(`--${name} must be a whole number from ${least} to ${most}, not "${String(text)}"`);
    return value;
  };
  const subscriptions = integer('subscriptions', 1_000, [1, SUBSCRIPTIONS_MAX]);
  const months = integer('months', 24, [1, MONTHS_MAX]);
  const seed = integer('seed', 1, [0, SEED_MAX]);
  const out = resolve(typeof values['out'] === 'string' ? values['out'] : 'simulation.html');
  if (!out.endsWith('.html')) faults.push(`--out must name an .html file, not "${out}"`);
  else if (!existsSync(dirname(out))) faults.push(`--out: there is no folder ${dirname(out)}`);
  if (faults.length > 0) throw new OperatorError(faults.join('\n'));
  return { subscriptions, months, seed, out, keep: values['keep'] === true };
}
