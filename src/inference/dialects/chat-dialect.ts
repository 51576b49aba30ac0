import type { AppError } from '../../common/errors/app-error.js';
import type { AdmittedChat } from '../admitted-chat.js';
import type { ReportedUsage } from '../domain/reported-usage.js';
import type { ToldCharge } from '../idempotency/answer-keeper.js';
import type { ChatCompletion, ChatCompletionChunk } from '../wire/chat-answer.js';
import type { ParsedChat } from '../wire/parse-chat.js';

/** What every answer to one chat is written with. */
export interface AnsweredChat {
  requestId: string;
  startedAt: Date;
  chat: AdmittedChat;
}

export interface WholeAnswer extends AnsweredChat {
  completion: ChatCompletion;
  usage: ReportedUsage;
}

/**
 * A wire format in which chats are asked and answered. Everything between the two knows only the internal form, which is that of OpenAI's
 * Chat Completions: guards, holds, providers and the ledger are the same for all.
 */
export interface ChatDialect {
  /** What the dialect calls the parameters of the internal form that have another name there. */
  readonly parameterNames: Readonly<Record<string, string>>;
  /**
   * Reads a body as it came.
   * @throws InvalidRequestError | UnknownParameterError | UnsupportedParameterError, naming every field at fault in the dialect's own words.
   */
  parse(raw: unknown, options: { dropUnsupported: boolean }): ParsedChat;
  /** The body of a whole answer. */
  writeAnswer(answer: WholeAnswer): object;
  openStream(answered: AnsweredChat): StreamWriter;
}

/** Writes the events of one streamed answer. */
export interface StreamWriter {
  /** What is sent for a chunk: empty where it has nothing for the client. */
  chunk(chunk: ChatCompletionChunk): string;
  /** What follows the last chunk of an answer that came whole. Asked again it says the same, with another charge. */
  end(usage: ReportedUsage, charge: ToldCharge): string;
  /** What ends a stream that something broke into, with the charge where one is known. Repeatable like `end`. */
  failure(error: AppError, charge?: ToldCharge): string;
}

/** Under which metadata a route says what it speaks. */
export const ROUTE_DIALECT = 'tollgate:dialect';
