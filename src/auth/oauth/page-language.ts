import type { IncomingHttpHeaders } from 'node:http';
import type { Texts } from '../texts/english.js';
import { preferredLanguage, textsIn, type Language } from '../texts/languages.js';

interface Reader {
  headers: IncomingHttpHeaders;
}

/** The language of who sends a request. */
export function languageOf({ headers }: Reader): Language {
  return preferredLanguage(headers['accept-language']);
}

/** The texts for who sends a request. */
export function textsFor(reader: Reader): Texts {
  return textsIn(languageOf(reader));
}
