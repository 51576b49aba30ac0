import Sequencer from '@jest/test-sequencer';

/** The specs of half a minute and more, the longest first. */
const LONG = [
  'e2e/commands',
  'test/bench',
  'e2e/start',
  'e2e/analyses',
  'credits/lives.model',
  'e2e/',
  'killed-worker',
  'analysis/import-analyses',
  'models/import-models',
  'database/',
  'simulation/',
  'generation/',
  'jobs/',
];

/**
 * Where nothing is known of a run before, as on a clean checkout, Jest takes the largest file first. Some of the longest specs are small
 * files: one that begins last leaves all workers but its own without work.
 */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.some(({ duration }) => duration != null)) return sorted;
    return sorted.toSorted((one, other) => rank(one.path) - rank(other.path));
  }
}

function rank(path) {
  const index = LONG.findIndex((part) => path.includes(part));
  return index < 0 ? LONG.length : index;
}
