import { z } from 'zod';

/** Words of one list; more would make each fallback a search of its own. */
const WORDS_MAX = 500;
const LISTS_MAX = 50;

const words = z.array(z.string().min(1).max(60)).min(1).max(WORDS_MAX);
const wordLists = z
  .record(z.string().min(1).max(60), words)
  .refine((lists) => Object.keys(lists).length <= LISTS_MAX, `must have at most ${LISTS_MAX} lists`);

/** What answers where no model can be had; `none` leaves that to an operator. */
export const FallbackRules = z.discriminatedUnion(
  'strategy',
  [
    z.strictObject({ strategy: z.literal('sentiment'), positive: words, negative: words, themes: wordLists }),
    z.strictObject({ strategy: z.literal('leading_sentences'), sentences: z.int().min(1).max(10) }),
    z.strictObject({ strategy: z.literal('keywords'), labels: wordLists, otherwise: z.string().min(1).max(60) }),
    z.strictObject({ strategy: z.literal('none') }),
  ],
  'must have the strategy sentiment, leading_sentences, keywords or none',
);
export type FallbackRules = z.infer<typeof FallbackRules>;
