import type { AppError } from '../../../common/errors/app-error.js';
import { toAnthropicError } from '../../../common/errors/error-body.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ToldCharge } from '../../idempotency/answer-keeper.js';
import type { ChatCompletionChunk, ChunkChoice } from '../../wire/chat-answer.js';
import { unplaced } from '../../wire/answer-order.js';
import type { ThinkingBlock } from '../../wire/chat-message.js';
import type { AnsweredChat, StreamWriter } from '../chat-dialect.js';
import {
  emptyMessage,
  type MessageBlock,
  textBlock,
  thinkingBlock,
  toMessageUsage,
  toolBlock,
  toStop,
} from './message.js';

type Delta = ChunkChoice['delta'];
type ToolCallDelta = NonNullable<Delta['tool_calls']>[number];

/** The block that is being written: of what kind, and for a tool call which one. */
interface OpenBlock {
  kind: 'thinking' | 'sealed' | 'text' | `tool ${number}`;
  index: number;
}

/** Writes the events of one streamed message: one block after the other, each begun by what it brings. */
export class MessageWriter implements StreamWriter {
  private hasBegun = false;
  private open: OpenBlock | null = null;
  private blocks = 0;
  private readonly blockOfCall = new Map<number, number>();
  private ending: Pick<ChunkChoice, 'finish_reason' | 'stop_reason'> = { finish_reason: null };
  private hasRefused = false;

  constructor(private readonly answered: AnsweredChat) {}

  chunk({ choices: [choice] }: ChatCompletionChunk): string {
    const head = this.hasBegun ? '' : this.begin();
    this.hasBegun = true;
    if (!choice) return head;
    if (choice.finish_reason) this.ending = choice;
    return head + this.writeDelta(choice.delta);
  }

  end(usage: ReportedUsage, charge: ToldCharge): string {
    const { requestId, chat } = this.answered;
    const hasCalled = this.blockOfCall.size > 0;
    const delta = toStop({ ...this.ending, hasCalled, isRefusal: this.hasRefused, stops: chat.body.stop });
    return [
      this.hasBegun ? '' : this.begin(),
      this.closing(),
      event({
        type: 'message_delta',
        delta,
        usage: toMessageUsage(usage),
        tollgate: { ...charge, request_id: requestId },
      }),
      event({ type: 'message_stop' }),
    ].join('');
  }

  failure(error: AppError, charge?: ToldCharge): string {
    const body = toAnthropicError(error, this.answered.requestId);
    Object.assign(body.error.details, charge);
    return event(body);
  }

  private begin(): string {
    return event({ type: 'message_start', message: emptyMessage(this.answered) });
  }

  private writeDelta(delta: Delta): string {
    const { reasoning_content: thinking, thinking_blocks: sealed, content, refusal, tool_calls: calls = [] } = delta;
    this.hasRefused ||= Boolean(refusal);
    const text = (content ?? '') + (refusal ?? '');
    let written = '';
    if (thinking)
      written += this.into('thinking', thinkingBlock('')) + this.delta({ type: 'thinking_delta', thinking });
    if (sealed) written += this.seal(sealed.at(-1)!);
    if (text) written += this.into('text', textBlock('')) + this.delta({ type: 'text_delta', text });
    for (const call of calls) written += this.writeToolCall(call);
    return written;
  }

  /** Ends the block that was thought with its signature, or writes one of which nothing can be read. */
  private seal(block: ThinkingBlock): string {
    const sealed =
      block.type === 'thinking'
        ? this.into('thinking', thinkingBlock('')) + this.delta({ type: 'signature_delta', signature: block.signature })
        : this.into('sealed', unplaced(block));
    const closing = this.closing();
    this.open = null;
    return sealed + closing;
  }

  private writeToolCall({ index: position, id = '', function: called }: ToolCallDelta): string {
    const begun = this.blockOfCall.get(position);
    // What comes for a call after another was begun still belongs to its block.
    const opening = begun === undefined ? this.into(`tool ${position}`, toolBlock(id, called?.name ?? '', {})) : '';
    const block = begun ?? this.blocks - 1;
    this.blockOfCall.set(position, block);
    const json = called?.arguments;
    return opening + (json ? this.delta({ type: 'input_json_delta', partial_json: json }, block) : '');
  }

  /** What leads into a block of this kind: nothing where it is the one being written. */
  private into(kind: OpenBlock['kind'], block: MessageBlock): string {
    if (this.open?.kind === kind) return '';
    const closing = this.closing();
    this.open = { kind, index: this.blocks };
    this.blocks += 1;
    return closing + event({ type: 'content_block_start', index: this.open.index, content_block: block });
  }

  private delta(delta: object, index = this.open?.index): string {
    return event({ type: 'content_block_delta', index, delta });
  }

  private closing(): string {
    return this.open ? event({ type: 'content_block_stop', index: this.open.index }) : '';
  }
}

function event<Body extends { type: string }>(body: Body): string {
  return `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
}
