import type { AppError } from '../../../common/errors/app-error.js';
import { toOpenAiError } from '../../../common/errors/error-body.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ToldCharge } from '../../idempotency/answer-keeper.js';
import type { ChatCompletionChunk, ChunkChoice } from '../../wire/chat-answer.js';
import type { ThinkingBlock } from '../../wire/chat-message.js';
import type { AnsweredChat, StreamWriter } from '../chat-dialect.js';
import { itemId, type Piece, toItem, toPart, withoutLoneSeal } from './output-item.js';
import { closeResponse, endingOf, openResponse, responseKey } from './response.js';

type Delta = ChunkChoice['delta'];
type ToolCallDelta = NonNullable<Delta['tool_calls']>[number];
type Event = { type: string } & Record<string, unknown>;

/** What the events about the text of a piece are called. */
const TEXT_EVENTS: Readonly<Record<Piece['kind'], string>> = {
  reasoning: 'response.reasoning_text',
  text: 'response.output_text',
  refusal: 'response.refusal',
  call: 'response.function_call_arguments',
};

/** Writes the events of one streamed response: numbered, one item of the output after the other. */
export class ResponseWriter implements StreamWriter {
  private readonly key: string;
  private pieces: Piece[] = [];
  /** Where in the output the call stands that the provider numbers so. */
  private readonly indexOfCall = new Map<number, number>();
  private isOpen = false;
  private hasBegun = false;
  private written = 0;
  private finishReason: string | null = null;

  constructor(private readonly answered: AnsweredChat) {
    this.key = responseKey(answered);
  }

  chunk({ choices: [choice] }: ChatCompletionChunk): string {
    const events = this.hasBegun ? [] : this.beginning();
    this.hasBegun = true;
    if (choice) {
      this.finishReason = choice.finish_reason ?? this.finishReason;
      events.push(...this.noteDelta(choice.delta));
    }
    const text = this.number(events);
    this.written += events.length;
    return text;
  }

  end(usage: ReportedUsage, charge: ToldCharge): string {
    const { finishReason, answered } = this;
    this.pieces = withoutLoneSeal(this.pieces);
    const { status } = endingOf(finishReason);
    const response = {
      ...closeResponse(answered, this.pieces, { finishReason, usage }),
      tollgate: { ...charge, request_id: answered.requestId },
    };
    const last: Event = { type: `response.${status}`, response };
    return this.number([...(this.hasBegun ? [] : this.beginning()), ...this.closing(), last]);
  }

  /** OpenAI's clients read an error off the member `error`, and other readers off the event itself. */
  failure(error: AppError, charge?: ToldCharge): string {
    const body = toOpenAiError(error, this.answered.requestId);
    Object.assign(body.error.details, charge);
    const { code, message, param } = body.error;
    return this.number([{ type: 'error', code, message, param, ...body }]);
  }

  private beginning(): Event[] {
    const response = openResponse(this.answered);
    return [
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ];
  }

  private noteDelta(delta: Delta): Event[] {
    const { reasoning_content: reasoning, thinking_blocks: blocks, content, refusal, tool_calls: calls = [] } = delta;
    return [
      ...this.noteText('reasoning', reasoning),
      ...this.noteBlocks(blocks ?? []),
      ...this.noteText('text', content),
      ...this.noteText('refusal', refusal),
      ...calls.flatMap((call) => this.noteCall(call)),
    ];
  }

  private noteText(kind: Piece['kind'], text: string | null | undefined): Event[] {
    if (!text) return [];
    return [...this.into(kind), ...this.addTo(this.pieces.length - 1, text)];
  }

  /** Keeps what is new of all the blocks so far with what is being thought, for its item to have at its end. */
  private noteBlocks(blocks: readonly ThinkingBlock[]): Event[] {
    const known = this.pieces.reduce((count, piece) => count + (piece.blocks?.length ?? 0), 0);
    if (!this.answered.chat.sealsThinking || blocks.length <= known) return [];
    const opening = this.into('reasoning');
    const piece = this.pieces.at(-1);
    if (piece) piece.blocks = [...(piece.blocks ?? []), ...blocks.slice(known)];
    return opening;
  }

  /** What leads into a piece of this kind: nothing where it is the one being written. */
  private into(kind: Piece['kind']): Event[] {
    return this.isOpen && this.pieces.at(-1)?.kind === kind ? [] : this.begin({ kind, text: '' });
  }

  private noteCall({ index: position, id = '', function: called }: ToolCallDelta): Event[] {
    const begun = this.indexOfCall.get(position);
    const opening =
      begun === undefined ? this.begin({ kind: 'call', text: '', call: { id, name: called?.name ?? '' } }) : [];
    const index = begun ?? this.pieces.length - 1;
    this.indexOfCall.set(position, index);
    return [...opening, ...this.addTo(index, called?.arguments ?? '')];
  }

  /** Ends what is being written and begins the next. */
  private begin(piece: Piece): Event[] {
    const closing = this.closing();
    const index = this.pieces.push(piece) - 1;
    this.isOpen = true;
    const added = { type: 'response.output_item.added', output_index: index, item: this.item(index, 'in_progress') };
    return [...closing, added];
  }

  private addTo(index: number, delta: string): Event[] {
    const piece = this.pieces[index];
    if (!piece || delta === '') return [];
    // What was sealed whole has no text, and then no part either.
    const opening: Event[] =
      piece.kind === 'call' || piece.text !== ''
        ? []
        : [{ type: 'response.content_part.added', ...this.place(index), part: toPart(piece) }];
    piece.text += delta;
    return [...opening, { type: `${TEXT_EVENTS[piece.kind]}.delta`, ...this.place(index), delta }];
  }

  /** What ends the item that is being written, if any. */
  private closing(): Event[] {
    const index = this.pieces.length - 1;
    const piece = this.pieces[index];
    if (!piece || !this.isOpen) return [];
    const type = `${TEXT_EVENTS[piece.kind]}.done`;
    const place = this.place(index);
    const done = { type: 'response.output_item.done', output_index: index, item: this.item(index, 'completed') };
    if (piece.kind === 'call') return [{ type, ...place, name: piece.call?.name, arguments: piece.text }, done];
    if (piece.text === '') return [done];
    const text = piece.kind === 'refusal' ? { refusal: piece.text } : { text: piece.text };
    return [{ type, ...place, ...text }, { type: 'response.content_part.done', ...place, part: toPart(piece) }, done];
  }

  private item(index: number, status: 'in_progress' | 'completed'): object {
    const piece = this.pieces[index];
    if (!piece) throw new Error(`the output has no item ${index}`);
    return toItem(piece, itemId(this.key, piece, index), status);
  }

  private place(index: number): object {
    const piece = this.pieces[index];
    if (!piece) throw new Error(`the output has no item ${index}`);
    const place = { item_id: itemId(this.key, piece, index), output_index: index };
    if (piece.kind === 'call') return place;
    return { ...place, content_index: 0, ...(piece.kind === 'text' && { logprobs: [] }) };
  }

  /** Events with their numbers, from the one that is next. */
  private number(events: readonly Event[]): string {
    return events
      .map((event, offset) => {
        const body = { ...event, sequence_number: this.written + offset };
        return `event: ${event.type}\ndata: ${JSON.stringify(body)}\n\n`;
      })
      .join('');
  }
}
