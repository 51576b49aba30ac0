import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Worker } from 'node:worker_threads';
import type { CountAnswer, CountJob, TokenCount } from './token-counter.worker.js';

/** How long a request waits for a count, queueing included. What is not counted by then keeps its byte bound. */
export const COUNT_LIMIT_MS = 50;
/**
 * The same for a request that is refused unless the count is lower, and for a usage that is charged as it is counted: its user would be refused
 * what he has the credits for, or charged for bytes, for no better reason than that others are counted for at the same moment.
 */
export const DECISIVE_COUNT_LIMIT_MS = 250;
/** As many bytes as the longest token of the vocabulary has: no count makes less of a text. */
export const BYTES_PER_TOKEN_MAX = 128n;
/** What the thread is given less, so that its answer arrives in time. */
const REPLY_MS = 5;
/** Jobs that may wait for the thread at once; with a full queue nobody would be served in time. */
const QUEUE_MAX = 256;
/** Of text beyond this length so little is counted in time that it is not even copied to the thread. */
const CHARACTERS_MAX = 2_000_000;

/** What it makes is short-lived; by default a thread lets garbage pile up to as much as the vocabulary has. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 8 };

interface Waiting {
  answer: (count: TokenCount | null) => void;
  timer: NodeJS.Timeout;
}

/** Counts tokens in a thread of its own, because a tokenizer on the request's thread would hold up every other request. */
@Injectable()
export class TokenCounter implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(TokenCounter.name);
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | null = null;
  private nextId = 1;
  private isStopped = false;

  /** Starts the thread early: its vocabulary takes longer to load than a count may take. */
  onModuleInit(): void {
    this.startWorker();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    this.giveUpAll();
    await this.worker?.terminate();
    this.worker = null;
  }

  /** Tokens of each group of texts, never too few: what the limit leaves uncounted is its bytes. Null when the thread did not get to it. */
  async count(groups: string[][], limitMs = COUNT_LIMIT_MS): Promise<number[] | null> {
    return (await this.measure(groups, limitMs))?.counts ?? null;
  }

  /** The same, with how much of it there was no time for. */
  async measure(groups: string[][], limitMs = COUNT_LIMIT_MS): Promise<TokenCount | null> {
    if (this.isStopped || this.waiting.size >= QUEUE_MAX || isTooLong(groups)) return null;
    const worker = this.worker ?? this.startWorker();
    const id = this.nextId++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.finish(id, null), limitMs);
      this.waiting.set(id, { answer: resolve, timer });
      worker.postMessage({ id, groups, deadlineAtMs: Date.now() + limitMs - REPLY_MS } satisfies CountJob);
    });
  }

  private startWorker(): Worker {
    const worker = new Worker(new URL('./token-counter.worker.js', import.meta.url), { resourceLimits: WORKER_LIMITS });
    worker.unref();
    worker.on('message', ({ id, ...count }: CountAnswer) => this.finish(id, count));
    worker.on('error', (error) => this.logger.error({ err: error }, 'the token counter failed'));
    worker.on('exit', () => {
      if (this.worker !== worker) return;
      this.worker = null;
      this.giveUpAll();
    });
    this.worker = worker;
    return worker;
  }

  private finish(id: number, count: TokenCount | null): void {
    const entry = this.waiting.get(id);
    if (!entry) return;
    this.waiting.delete(id);
    clearTimeout(entry.timer);
    entry.answer(count);
  }

  private giveUpAll(): void {
    for (const id of this.waiting.keys()) this.finish(id, null);
  }
}

function isTooLong(groups: string[][]): boolean {
  let characters = 0;
  for (const texts of groups) for (const text of texts) characters += text.length;
  return characters > CHARACTERS_MAX;
}
