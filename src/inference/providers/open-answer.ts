import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { ProviderFailure } from './chat-provider.js';
import { RequestStop } from './request-stop.js';

/** With more than this unread the provider has to wait: its connection is not read further. */
const UNREAD_BYTES_MAX = 64 * 1_024;

/** A provider that has said its last and does not end is not waited for: its connection is one of few. */
const REST_MS = 5_000;

/** An answer that is read as it comes. */
export interface OpenAnswer {
  statusCode: number;
  headers: IncomingHttpHeaders;
  body: AnswerBody;
}

/**
 * Sends a request and resolves with the head of its answer.
 * @throws what the signal was aborted with, else what the connection came to.
 */
export function openAnswer(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
): Promise<OpenAnswer> {
  return new Promise((resolve, reject) => {
    const stop = new RequestStop(signal);
    let body: AnswerBody | null = null;
    dispatcher.dispatch(options, {
      onRequestStart: (controller) => stop.begin(controller),
      onResponseStart(controller, statusCode, headers) {
        // What comes before the answer itself, such as 103 Early Hints, tells nothing here.
        if (statusCode < 200) return;
        body = new AnswerBody(controller);
        resolve({ statusCode, headers, body });
      },
      onResponseData: (_controller, part) => body?.arrive(part),
      onResponseEnd() {
        stop.end();
        body?.complete();
      },
      onResponseError(_controller, error) {
        stop.end();
        if (!body) return reject(error);
        // That a connection breaks is no fault of this server.
        const broken = new ProviderFailure('the provider broke its answer off', { cause: error });
        body.fail(signal.aborted ? (signal.reason as Error) : broken);
      },
    });
  });
}

/** What a provider sends, in order: each step of the one who reads takes all that has arrived. No stream, for that is twice the work. */
export class AnswerBody implements AsyncIterableIterator<Buffer> {
  private unread: Buffer[] = [];
  private unreadBytes = 0;
  private isComplete = false;
  private failure: Error | null = null;
  private wake: (() => void) | null = null;
  /** How much may still come before the connection is given up; null while it is read. */
  private restBytes: number | null = null;
  private restTimer: NodeJS.Timeout | undefined;

  constructor(private readonly controller: Dispatcher.DispatchController) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws ProviderFailure where the connection breaks, or what the request's signal was aborted with. */
  async next(): Promise<IteratorResult<Buffer, undefined>> {
    while (this.unread.length === 0) {
      if (this.failure) throw this.failure;
      if (this.isComplete) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const [first] = this.unread;
    const value = this.unread.length === 1 ? first! : Buffer.concat(this.unread);
    this.unread = [];
    this.unreadBytes = 0;
    if (this.controller.paused) this.controller.resume();
    return { done: false, value };
  }

  /**
   * Nothing more is wanted. Up to `bytesMax` may still come, and soon, so that the connection serves the next request; otherwise it is given up.
   */
  leave(bytesMax = 0): void {
    if (this.isComplete || this.failure) return;
    this.restBytes = bytesMax - this.unreadBytes;
    this.unread = [];
    this.unreadBytes = 0;
    if (this.restBytes <= 0) return this.giveUp();
    this.restTimer = setTimeout(() => this.giveUp(), REST_MS).unref();
    if (this.controller.paused) this.controller.resume();
  }

  arrive(part: Buffer): void {
    if (this.restBytes !== null) {
      this.restBytes -= part.length;
      if (this.restBytes < 0) this.giveUp();
      return;
    }
    this.unread.push(part);
    this.unreadBytes += part.length;
    if (this.unreadBytes > UNREAD_BYTES_MAX) this.controller.pause();
    this.goOn();
  }

  complete(): void {
    clearTimeout(this.restTimer);
    this.isComplete = true;
    this.goOn();
  }

  fail(error: Error): void {
    clearTimeout(this.restTimer);
    this.failure = error;
    this.goOn();
  }

  private giveUp(): void {
    this.controller.abort(new Error('the rest of the answer is not wanted'));
  }

  private goOn(): void {
    this.wake?.();
    this.wake = null;
  }
}
