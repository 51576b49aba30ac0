import { z } from 'zod';
import type { ChatCompletionBody } from './chat-completion.js';

/** Marks that the prompt up to here is to be cached, for as long as is priced. A hint: it changes what a call costs, and nothing of its answer. */
export const CacheControl = z.strictObject({
  type: z.literal('ephemeral'),
  ttl: z.literal('5m').optional(),
});

export type CacheControl = z.infer<typeof CacheControl>;

/** A member of whatever may carry the mark. */
export const cacheControl = { cache_control: CacheControl.nullish() };

interface Marked {
  cache_control?: unknown;
}

/** Whether a body or any part of its prompt has the member, also where it is null: other providers do not know it. */
export function asksForCaching(body: ChatCompletionBody): boolean {
  const { messages, tools } = body;
  return (
    mentionsCaching(body) ||
    (tools ?? []).some(mentionsCaching) ||
    messages.some((message) => markable(message).some(mentionsCaching))
  );
}

/** How many marks a body has, its own among them. */
export function countMarks(body: ChatCompletionBody): number {
  return [body, ...(body.tools ?? []), ...body.messages.flatMap(markable)].filter(isMarked).length;
}

/** The same prompt for a model that does not cache what it is told to. */
export function withoutCaching(body: ChatCompletionBody): ChatCompletionBody {
  const messages = body.messages.map((message) => ({
    ...message,
    ...(Array.isArray(message.content) && { content: message.content.map(unmarked) }),
    ...('tool_calls' in message && message.tool_calls && { tool_calls: message.tool_calls.map(unmarked) }),
  }));
  return {
    ...unmarked(body),
    messages: messages as ChatCompletionBody['messages'],
    ...(body.tools && { tools: body.tools.map(unmarked) }),
  };
}

function markable(message: ChatCompletionBody['messages'][number]): readonly object[] {
  const parts: readonly object[] = Array.isArray(message.content) ? message.content : [];
  const calls = 'tool_calls' in message ? (message.tool_calls ?? []) : [];
  return calls.length > 0 ? [...parts, ...calls] : parts;
}

export function isMarked(part: object): boolean {
  return ((part as Marked).cache_control ?? null) !== null;
}

function mentionsCaching(part: object): boolean {
  return 'cache_control' in part;
}

function unmarked<Part extends object>(part: Part): Part {
  if (!mentionsCaching(part)) return part;
  const { cache_control: _, ...rest } = part as Part & Marked;
  return rest as Part;
}
