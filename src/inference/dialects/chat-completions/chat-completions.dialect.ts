import type { AppError } from '../../../common/errors/app-error.js';
import { toOpenAiError } from '../../../common/errors/error-body.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ToldCharge } from '../../idempotency/answer-keeper.js';
import type { ChatCompletionChunk } from '../../wire/chat-answer.js';
import { parseChat } from '../../wire/parse-chat.js';
import { toWireUsage } from '../../wire/wire-usage.js';
import type { AnsweredChat, ChatDialect, StreamWriter } from '../chat-dialect.js';

/** OpenAI's Chat Completions: the internal form itself, so that nothing is translated. */
export const CHAT_COMPLETIONS: ChatDialect = {
  parameterNames: {},
  parse: parseChat,
  writeAnswer: ({ completion }) => completion,
  openStream: (answered) => new ChunkWriter(answered),
};

class ChunkWriter implements StreamWriter {
  private readonly wantsUsage: boolean;
  private lastChunk: ChatCompletionChunk | null = null;

  constructor(private readonly answered: AnsweredChat) {
    this.wantsUsage = answered.chat.body.stream_options?.include_usage === true;
  }

  /** Clients that asked for usage find the member in every chunk, null until the last. */
  chunk(chunk: ChatCompletionChunk): string {
    this.lastChunk = chunk;
    return dataEvent(this.wantsUsage ? { ...chunk, usage: null } : chunk);
  }

  end(usage: ReportedUsage, charge: ToldCharge): string {
    return `${this.chargeEvent(usage, charge)}data: [DONE]\n\n`;
  }

  failure(error: AppError, charge?: ToldCharge): string {
    const body = toOpenAiError(error, this.answered.requestId);
    Object.assign(body.error.details, charge);
    return dataEvent(body);
  }

  /** The charge: in the usage chunk where the client asked for one, otherwise as a comment, which every client skips. */
  private chargeEvent(usage: ReportedUsage, charge: ToldCharge): string {
    if (!this.wantsUsage || !this.lastChunk) {
      return `: credits-charged ${charge.credits_charged} remaining ${charge.credits_remaining}\n\n`;
    }
    const { id, created, model } = this.lastChunk;
    const chunk = { id, object: 'chat.completion.chunk', created, model, choices: [], usage: toWireUsage(usage) };
    return dataEvent({ ...chunk, tollgate: { ...charge, request_id: this.answered.requestId } });
  }
}

function dataEvent(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}
