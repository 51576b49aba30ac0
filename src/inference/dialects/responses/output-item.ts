import type { ChatChoice } from '../../wire/chat-answer.js';

/** A piece of the answer, before it is an item of the output: what the model thought, said, would not say, or calls. */
export interface Piece {
  kind: 'reasoning' | 'text' | 'refusal' | 'call';
  text: string;
  /** Calls only. */
  call?: { id: string; name: string };
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
export function piecesOf({ message }: ChatChoice): Piece[] {
  const { reasoning_content: reasoning, content, refusal, tool_calls: calls = [] } = message;
  const spoken: Piece[] = [
    { kind: 'reasoning', text: reasoning ?? '' },
    { kind: 'text', text: content ?? '' },
    { kind: 'refusal', text: refusal ?? '' },
  ];
  return [
    ...spoken.filter(({ text }) => text !== ''),
    ...calls.map(({ id, function: called }): Piece => ({
      kind: 'call',
      text: called.arguments,
      call: { id, name: called.name },
    })),
  ];
}

/** The part of an item that holds its text. A call has none. */
export function toPart({ kind, text }: Piece): object {
  if (kind === 'refusal') return { type: 'refusal', refusal: text };
  if (kind === 'reasoning') return { type: 'reasoning_text', text };
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** A piece as an item of the output. One that has only begun has no part yet. */
export function toItem(piece: Piece, id: string, status: ItemStatus): object {
  const parts = status === 'in_progress' ? [] : [toPart(piece)];
  if (piece.kind === 'reasoning') return { id, type: 'reasoning', summary: [], content: parts, status };
  if (piece.kind !== 'call') return { id, type: 'message', role: 'assistant', status, content: parts };
  const { id: callId, name } = piece.call ?? { id: '', name: '' };
  return { id, type: 'function_call', call_id: callId, name, arguments: piece.text, status };
}
