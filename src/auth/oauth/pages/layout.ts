import type { Texts } from '../../texts/english.js';
import { html, type Html } from './html.js';
import { ASSETS_VERSION } from './assets.js';

export interface Page {
  texts: Texts;
  title: string;
  body: Html;
}

/** A whole document. The stylesheet follows the system's light or dark setting; the script finds its sentences at the body. */
export function layout({ texts, title, body }: Page): string {
  const { check, failed, noAnswer } = texts.common;
  const page = html`<!doctype html>
    <html lang="${texts.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · Tollgate</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/interaction/assets/pages.css?v=${ASSETS_VERSION}" />
        <script src="/interaction/assets/pages.js?v=${ASSETS_VERSION}" defer></script>
      </head>
      <body data-check="${check}" data-failed="${failed}" data-no-answer="${noAnswer}">
        <main class="card">
          <p class="brand"><span class="mark" aria-hidden="true"></span>Tollgate</p>
          ${body}
        </main>
      </body>
    </html> `;
  return page.text;
}
