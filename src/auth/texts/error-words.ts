import type { AppError } from '../../common/errors/app-error.js';
import type { Texts } from './english.js';

export interface ErrorWords {
  title: string;
  detail: string;
}

/** What an expected failure says in the reader's language. */
export function wordsOf(error: AppError, texts: Texts): ErrorWords {
  const words = texts.errors[error.code];
  return words
    ? { title: words.title, detail: words.detail(error.details) }
    : { title: error.kind.title, detail: error.message };
}
