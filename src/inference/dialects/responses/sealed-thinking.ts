import { z } from 'zod';
import { unplaced } from '../../wire/answer-order.js';
import { CONTENT_PARTS_MAX, ThinkingBlock } from '../../wire/chat-message.js';

/** The form of what follows. Other servers write base64, which has no dot, so that none of theirs is taken for ours. */
const PREFIX = 'tg1.';

/**
 * Longest `encrypted_content`, in characters. The longest thinking of any model, 128 000 tokens, is half of this with its signature; it is read
 * at once, and holds the thread while it is.
 */
export const SEALED_LENGTH_MAX = 4 * 1_024 * 1_024;

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const Blocks = z.array(ThinkingBlock).min(1).max(CONTENT_PARTS_MAX);

/**
 * What was thought as `encrypted_content`, which a client hands back without looking into it. Nothing more is hidden than what the provider
 * sealed. Where it was thought is seen by its item. None for what would be refused when
 * it comes back: a provider of chat completions may send blocks of any form.
 */
export function sealThinking(blocks: readonly ThinkingBlock[]): string | undefined {
  if (!Blocks.safeParse(blocks).success) return undefined;
  const sealed = PREFIX + Buffer.from(JSON.stringify(blocks.map(unplaced))).toString('base64url');
  return sealed.length <= SEALED_LENGTH_MAX ? sealed : undefined;
}

/** The blocks in what was sealed; none where another server wrote it, null where it is ours and no longer what it was. */
export function unsealThinking(sealed: string): ThinkingBlock[] | null {
  if (!sealed.startsWith(PREFIX)) return [];
  const text = sealed.slice(PREFIX.length);
  if (!BASE64URL.test(text)) return null;
  try {
    return Blocks.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString())).data ?? null;
  } catch {
    return null;
  }
}
