import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { ProviderFailure } from './chat-provider.js';
import { RequestStop } from './request-stop.js';

/** An answer beyond this is no chat completion. */
const ANSWER_BYTES_MAX = 32 * 1_024 * 1_024;

/** Nobody reads an answer beyond what its kind may have. */
export class AnswerTooLarge extends ProviderFailure {
  constructor() {
    super('the answer was too large');
  }
}

/** An answer that was read to its end. */
export interface WholeAnswer {
  statusCode: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/**
 * Sends a request and reads the whole answer. No stream is made of a body that nobody reads as one.
 * @throws what the signal was aborted with, AnswerTooLarge, else what the connection came to.
 */
export function fetchWhole(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  bytesMax = ANSWER_BYTES_MAX,
): Promise<WholeAnswer> {
  return new Promise((resolve, reject) => {
    const stop = new RequestStop(signal);
    const answer: WholeAnswer = { statusCode: 0, headers: {}, text: '' };
    const parts: Buffer[] = [];
    let length = 0;
    dispatcher.dispatch(options, {
      onRequestStart: (controller) => stop.begin(controller),
      onResponseStart(_controller, statusCode, headers) {
        Object.assign(answer, { statusCode, headers });
      },
      onResponseData(controller, part) {
        length += part.length;
        if (length > bytesMax) controller.abort(new AnswerTooLarge());
        else parts.push(part);
      },
      onResponseEnd() {
        stop.end();
        resolve({ ...answer, text: Buffer.concat(parts).toString('utf8') });
      },
      onResponseError(_controller, error) {
        stop.end();
        reject(error);
      },
    });
  });
}
