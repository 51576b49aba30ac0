import type { EntityManager } from '@mikro-orm/postgresql';
import type { GenerationMode } from '../src/generation/domain/generation-modes.js';

const PROMPTS: Record<GenerationMode, string> = {
  creative:
    'You invent names for businesses. Prefer the unexpected: metaphors, coined words, sounds that stay in the ear. Each name must be easy to say and to spell.',
  professional:
    'You find names for businesses that are to be trusted with money and data. Prefer clear, sober words with a serious sound. No puns, no misspellings.',
  brandable:
    'You coin short names that can become a brand: one or two syllables more than a word has, five to ten letters, pronounceable in many languages, unlike any well-known brand.',
  'tech-focused':
    'You find names for technology companies. Prefer compact compounds and precise terms of the field; no tired endings such as -ify or -ly unless they carry a meaning.',
};

/** The first prompt of each mode, where it has none. What an operator made stays. */
export async function seedGenerationPrompts(em: EntityManager, now: Date): Promise<void> {
  for (const [mode, prompt] of Object.entries(PROMPTS)) {
    await em.execute(
      `insert into generation_prompts (mode, version, prompt, is_active, created_at)
       select ?::generation_mode, 1, ?, true, ? where not exists (select from generation_prompts where mode = ?::generation_mode)`,
      [mode, prompt, now, mode],
    );
  }
}
