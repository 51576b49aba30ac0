import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import { Html, html } from './html.js';
import { layout } from './layout.js';

/** The provider's own errors that have nowhere to be sent back to: an unknown client, a wrong redirect address, an expired sign-in. */
export function renderProviderError(ctx: KoaContextWithOIDC, out: ErrorOut, _error: Error): void {
  ctx.type = 'html';
  ctx.body = layout({
    title: 'Sign-in failed',
    body: html`<h1>This sign-in cannot go on</h1>
      <p class="lead">${out.error_description ?? 'The request could not be understood.'}</p>
      <p class="hint">
        Go back to the app and start again. If it happens again, tell the people who make the app this code:
        <code>${out.error}</code>.
      </p>`,
  });
}

/** `form` is the provider's own markup and carries its token against cross-site requests. */
export function logoutPage(ctx: KoaContextWithOIDC, form: string): void {
  ctx.body = layout({
    title: 'Sign out',
    body: html`<h1>Sign out of this browser?</h1>
      <p class="lead">Apps on your devices stay signed in until you sign out there.</p>
      ${new Html(form)}
      <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
      <button type="submit" form="op.logoutForm" class="quiet">Stay signed in</button>`,
  });
}

export function signedOutPage(ctx: KoaContextWithOIDC): void {
  ctx.body = layout({
    title: 'Signed out',
    body: html`<h1>You are signed out</h1>
      <p class="lead">You can close this page.</p>`,
  });
}
