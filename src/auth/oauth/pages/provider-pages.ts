import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import { textsOfContext } from '../page-language.js';
import { donePage } from './email-link-pages.js';
import { Html, html } from './html.js';
import { layout } from './layout.js';

/** The provider's own errors that have nowhere to be sent back to: an unknown client, a wrong redirect address, an expired sign-in. */
export function renderProviderError(ctx: KoaContextWithOIDC, out: ErrorOut, _error: Error): void {
  const texts = textsOfContext(ctx);
  const { provider } = texts;
  ctx.type = 'html';
  ctx.body = layout({
    texts,
    title: provider.failed,
    body: html`<h1>${provider.failedHeading}</h1>
      <p class="lead">${out.error_description ?? provider.failedDetail}</p>
      <p class="hint">${provider.failedHint} <code>${out.error}</code>.</p>`,
  });
}

/** `form` is the provider's own markup and carries its token against cross-site requests. */
export function logoutPage(ctx: KoaContextWithOIDC, form: string): void {
  const texts = textsOfContext(ctx);
  const { provider } = texts;
  ctx.body = layout({
    texts,
    title: provider.signOut,
    body: html`<h1>${provider.signOutHeading}</h1>
      <p class="lead">${provider.signOutLead}</p>
      ${new Html(form)}
      <button type="submit" form="op.logoutForm" name="logout" value="yes">${provider.signOut}</button>
      <button type="submit" form="op.logoutForm" class="quiet">${provider.stay}</button>`,
  });
}

export function signedOutPage(ctx: KoaContextWithOIDC): void {
  const texts = textsOfContext(ctx);
  const { signedOut, signedOutHeading, signedOutLead } = texts.provider;
  ctx.body = donePage(texts, signedOut, signedOutHeading, signedOutLead);
}
