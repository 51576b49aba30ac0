import { english, type Texts } from './english.js';
import { german } from './german.js';

const LANGUAGES: Readonly<Record<Language, Texts>> = { en: english, de: german };

export const LANGUAGE_NAMES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGE_NAMES)[number];

/** No browser sends more; what is longer is read no further. */
const PREFERENCES_MAX = 20;

export function textsIn(language: Language): Texts {
  return LANGUAGES[language];
}

/**
 * The first language of a list that we speak, by its order and weights (RFC 9110, 12.5.4): an `Accept-Language` header, or `ui_locales` with its
 * spaces as commas. English where none is.
 */
export function preferredLanguage(accepted: string | undefined): Language {
  const wishes = (accepted ?? '')
    .split(',', PREFERENCES_MAX)
    .map((wish) => {
      const [tag = '', weight] = wish.trim().split(/\s*;\s*q=/);
      return { language: tag.slice(0, 2).toLowerCase(), weight: weight === undefined ? 1 : Number(weight) };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((one, other) => other.weight - one.weight);
  return wishes.map(({ language }) => language).find(isLanguage) ?? 'en';
}

function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGES, text);
}
