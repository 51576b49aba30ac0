import type { IncomingHttpHeaders } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
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

/** The texts for the engine's own pages: what the app asks for, else what the browser prefers. */
export function textsOfContext({ req, oidc }: KoaContextWithOIDC): Texts {
  // A request that the engine could not read has no parameters yet.
  const wanted = (oidc as KoaContextWithOIDC['oidc'] | undefined)?.params?.['ui_locales'];
  return textsIn(languageWanted(wanted, req));
}

/** The first that we speak of those that an app asks for by `ui_locales`, else of those that the browser prefers. */
export function languageWanted(uiLocales: unknown, { headers }: Reader): Language {
  const asked = typeof uiLocales === 'string' ? uiLocales.replaceAll(' ', ',') : '';
  return preferredLanguage(`${asked},${headers['accept-language'] ?? ''}`);
}
