import fc from 'fast-check';
import * as failures from '../auth.errors.js';
import * as factorFailures from '../identity/factors/factors.errors.js';
import { english } from './english.js';
import { german } from './german.js';
import { preferredLanguage } from './languages.js';

describe('the language of a page', () => {
  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['de-AT,de;q=0.9,en;q=0.5', 'de'],
    ['fr-FR,fr;q=0.9,de;q=0.3,en;q=0.2', 'de'],
    ['en;q=0.4, de;q=0.6', 'de'],
    ['de;q=0, en', 'en'],
    ['ja', 'en'],
    ['constructor,__proto__', 'en'],
  ])('for %j is %s', (header, language) => {
    expect(preferredLanguage(header)).toBe(language);
  });

  it('is one of ours, whatever is asked for', () => {
    fc.assert(fc.property(fc.string(), (header) => ['en', 'de'].includes(preferredLanguage(header))));
  });
});

describe('the texts', () => {
  it('have words in German for every failure that a page can show', () => {
    const shown = [
      failures.SignInFailedError,
      failures.SignInThrottledError,
      failures.PasswordQueueFullError,
      failures.InteractionExpiredError,
      failures.CrossSiteRequestError,
      failures.InvalidEmailLinkError,
      factorFailures.WrongCodeError,
      factorFailures.PasskeyRefusedError,
      factorFailures.LastFactorError,
      failures.DeviceNotFoundError,
    ];
    expect(shown.map(({ code }) => code).filter((code) => !(code in german.errors))).toEqual([]);
    expect(german.errors['sign_in_throttled']?.detail({ retryAfterSeconds: 30 })).toContain('30 Sekunden');
  });

  it('say nothing in English where they are German', () => {
    const sentences = (part: unknown): string[] =>
      typeof part === 'string' ? [part] : Object.values(part as object).flatMap(sentences);
    const shared = new Set(sentences({ ...english, language: '' }).filter((text) => text.includes(' ')));
    expect(sentences(german).filter((text) => shared.has(text))).toEqual([]);
  });
});
