import { inOrder, isPlaced } from '../../wire/answer-order.js';
import type { AnswerToolCall, ChatChoice } from '../../wire/chat-answer.js';
import type { ThinkingBlock } from '../../wire/chat-message.js';
import { sealThinking } from './sealed-thinking.js';

/** A piece of the answer, before it is an item of the output: what the model thought, said, would not say, or calls. */
export interface Piece {
  kind: 'reasoning' | 'text' | 'refusal' | 'call';
  text: string;
  /** Calls only. */
  call?: { id: string; name: string };
  /** Reasoning only: what was thought as its provider signed it, where the caller asked for that. */
  blocks?: readonly ThinkingBlock[];
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

const ID_PREFIXES: Readonly<Record<Piece['kind'], string>> = {
  reasoning: 'rs',
  text: 'msg',
  refusal: 'msg',
  call: 'fc',
};

export function itemId(responseId: string, { kind }: Piece, outputIndex: number): string {
  return `${ID_PREFIXES[kind]}_${responseId}_${outputIndex}`;
}

/** The pieces of a whole answer, in the order in which they are read. */
export function piecesOf({ message }: ChatChoice, { sealsThinking }: { sealsThinking: boolean }): Piece[] {
  const {
    reasoning_content: reasoning,
    thinking_blocks: thinking = [],
    content,
    refusal,
    tool_calls: calls = [],
  } = message;
  const pieces: Piece[] = [];
  const add = (kind: Piece['kind'], text: string, blocks: readonly ThinkingBlock[] = []): void => {
    if (text === '' && blocks.length === 0) return;
    let piece = pieces.at(-1);
    if (piece?.kind !== kind) pieces.push((piece = { kind, text: '' }));
    piece.text += text;
    if (blocks.length > 0) piece.blocks = [...(piece.blocks ?? []), ...blocks];
  };
  let refused = refusal ?? '';
  const refuse = (): void => {
    add('refusal', refused);
    refused = '';
  };
  // What was all thought first is told as the provider tells it, sealed or not.
  const isFirst = thinking.every((block) => !isPlaced(block));
  if (isFirst) add('reasoning', reasoning ?? '');
  for (const step of inOrder({ thinking, text: content ?? '', calls })) {
    if ('thought' in step) add('reasoning', isFirst ? '' : readable(step.thought), sealsThinking ? [step.thought] : []);
    else if ('said' in step) add('text', step.said);
    else {
      refuse();
      pieces.push(toCall(step.called));
    }
  }
  refuse();
  return withoutLoneSeal(pieces);
}

function readable(block: ThinkingBlock): string {
  return block.type === 'thinking' ? block.thinking : '';
}

function toCall({ id, function: called }: AnswerToolCall): Piece {
  return { kind: 'call', text: called.arguments, call: { id, name: called.name } };
}

/**
 * The pieces without the seal of what was thought last of all. Thinking is handed back with what it led to; where that was nothing, the next
 * request would be refused for it.
 */
export function withoutLoneSeal(pieces: readonly Piece[]): Piece[] {
  const last = pieces.length - 1;
  return pieces.map((piece, index) => {
    if (index !== last || !piece.blocks) return piece;
    const { blocks: _, ...rest } = piece;
    return rest;
  });
}

/** The part of an item that holds its text. A call has none. */
export function toPart({ kind, text }: Piece): object {
  if (kind === 'refusal') return { type: 'refusal', refusal: text };
  if (kind === 'reasoning') return { type: 'reasoning_text', text };
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** A piece as an item of the output. One that has only begun has no part yet. */
export function toItem(piece: Piece, id: string, status: ItemStatus): object {
  const parts = status === 'in_progress' || piece.text === '' ? [] : [toPart(piece)];
  if (piece.kind === 'reasoning') {
    const sealed = status === 'in_progress' || !piece.blocks ? undefined : sealThinking(piece.blocks);
    const encrypted = sealed === undefined ? {} : { encrypted_content: sealed };
    return { id, type: 'reasoning', summary: [], content: parts, ...encrypted, status };
  }
  if (piece.kind !== 'call') return { id, type: 'message', role: 'assistant', status, content: parts };
  const { id: callId, name } = piece.call ?? { id: '', name: '' };
  return { id, type: 'function_call', call_id: callId, name, arguments: piece.text, status };
}
