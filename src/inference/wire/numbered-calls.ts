import { randomUUID } from 'node:crypto';
import type { ChunkChoice } from './chat-answer.js';

/** A part of a call as servers send it: the number, the id, or both may be absent, or say nothing. */
interface CallPart {
  index?: unknown;
  id?: unknown;
  type?: unknown;
  function?: { name?: unknown; arguments?: unknown } | null;
}

interface BegunCall {
  /** How it is numbered here. */
  index: number;
  /** What the server calls it, where it does. */
  number: number | undefined;
  id: string | undefined;
  /** The arguments so far, of a call that the server gave no id. */
  text: string;
}

/**
 * Numbers the calls of one stream. Clients put the parts of a call together by its number, and answer it by its id; some servers send every call
 * whole and leave the number out, or give all of them the same, or no id.
 */
export class CallNumbering {
  private readonly begunBy = new Map<number, BegunCall[]>();

  /** Gives the parts that one delta of a choice has their number, and those that begin a call an id. */
  number({ index: choice, delta }: ChunkChoice): void {
    const begun = this.begunBy.get(choice) ?? [];
    this.begunBy.set(choice, begun);
    for (const part of (delta.tool_calls ?? []) as CallPart[]) {
      const known = callOf(part, begun);
      const call = known ?? begin(part, begun);
      part.index = call.index;
      if (!known) complete(part, call);
      // Some servers give every part an id of its own: that of the first is the call's.
      else if (part.id !== call.id) part.id = undefined;
      if (call.id === undefined) call.text += textOf(part.function?.arguments);
    }
  }
}

/** What clients find in the first part of every call. */
function complete(part: CallPart, { id = madeId() }: BegunCall): void {
  Object.assign(part, { id, type: 'function' });
  // A tool that takes nothing, as some models call it.
  if (part.function?.arguments === 'null') part.function.arguments = '{}';
}

/** What this server calls a call that its provider gave no id. */
export function madeId(): string {
  return `call_${randomUUID().replaceAll('-', '')}`;
}

/** The call that a part goes on with; none where it begins one. */
function callOf(part: CallPart, begun: readonly BegunCall[]): BegunCall | undefined {
  const { number, id } = labelOf(part);
  const alike = begun.filter((call) => number === undefined || call.number === number);
  const known = (id === undefined ? undefined : alike.find((call) => call.id === id)) ?? alike.at(-1);
  const isNamed = textOf(part.function?.name) !== '';
  return known && isNamed && isAnother(known, id) ? undefined : known;
}

/** Whether a part that names a function is of another call than this one. */
function isAnother(known: BegunCall, id: string | undefined): boolean {
  return id === undefined ? known.id === undefined && isWhole(known.text) : id !== known.id;
}

function begin(part: CallPart, begun: BegunCall[]): BegunCall {
  const call = { index: begun.length, ...labelOf(part), text: '' };
  begun.push(call);
  return call;
}

function labelOf({ index, id }: CallPart): { number: number | undefined; id: string | undefined } {
  return { number: Number.isInteger(index) ? (index as number) : undefined, id: textOf(id) || undefined };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isWhole(json: string): boolean {
  try {
    return json === '' || JSON.parse(json) !== undefined;
  } catch {
    return false;
  }
}
