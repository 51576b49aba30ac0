import { parentPort } from 'node:worker_threads';
import { countTokens, setMergeCacheSize } from 'gpt-tokenizer/encoding/o200k_base';

/** What the thread is asked, and what it answers. */
export interface CountJob {
  id: number;
  /** Each group is counted by itself, so that one job covers prompt and answer. */
  groups: string[][];
  /** Milliseconds since the epoch, because the clocks of two threads share no other origin. */
  deadlineAtMs: number;
}
export interface CountAnswer extends TokenCount {
  id: number;
}

/** Tokens of each group of texts, never too few. */
export interface TokenCount {
  counts: number[];
  /** How much of the counts is bytes that there was no time to count; 0 for a count that is whole. */
  uncountedBytes: number;
}

/** The tokenizer is quadratic on runs without spaces; a slice of this length costs a few milliseconds at worst. */
const SLICE_LENGTH_MAX = 512;
/** Text between two looks at the clock: few milliseconds at worst, so that the answer is not late. */
const CHARACTERS_PER_LOOK = 1024;
/** Text that looks like a special token is text. */
const AS_TEXT = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
/** Bounds the memory of the tokenizer's own cache. */
const MERGE_CACHE_SIZE = 10_000;

setMergeCacheSize(MERGE_CACHE_SIZE);

/** What the deadline leaves uncounted is bounded by its bytes: a part counted is better than nothing, and never too little. */
function countGroups(groups: readonly string[][], deadlineAtMs: number): TokenCount {
  const clock: CountClock = { deadlineAtMs, charactersSinceLook: CHARACTERS_PER_LOOK, uncountedBytes: 0 };
  const counts = groups.map((texts) => texts.reduce((sum, text) => sum + countText(text, clock), 0));
  return { counts, uncountedBytes: clock.uncountedBytes };
}

interface CountClock {
  deadlineAtMs: number;
  charactersSinceLook: number;
  uncountedBytes: number;
}

function countText(text: string, clock: CountClock): number {
  let total = 0;
  for (let start = 0; start < text.length;) {
    if (clock.charactersSinceLook >= CHARACTERS_PER_LOOK) {
      if (Date.now() > clock.deadlineAtMs) {
        const rest = Buffer.byteLength(text.slice(start), 'utf8');
        clock.uncountedBytes += rest;
        return total + rest;
      }
      clock.charactersSinceLook = 0;
    }
    const end = sliceEnd(text, start);
    total += countTokens(text.slice(start, end), AS_TEXT);
    clock.charactersSinceLook += end - start;
    start = end;
  }
  return total;
}

/** Cuts before a space where there is one, so that hardly any token is split; a surrogate pair is never cut. */
function sliceEnd(text: string, start: number): number {
  const most = start + SLICE_LENGTH_MAX;
  if (most >= text.length) return text.length;
  const space = text.lastIndexOf(' ', most);
  if (space > start) return space;
  const code = text.charCodeAt(most - 1);
  return code >= 0xd800 && code <= 0xdbff ? most - 1 : most;
}

parentPort?.on('message', (job: CountJob) => {
  const answer: CountAnswer = { id: job.id, ...countGroups(job.groups, job.deadlineAtMs) };
  parentPort?.postMessage(answer);
});
countTokens('warm', AS_TEXT);
parentPort?.postMessage({ id: 0, counts: [], uncountedBytes: 0 } satisfies CountAnswer);
