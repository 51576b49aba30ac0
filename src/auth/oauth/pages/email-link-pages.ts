import type { Texts } from '../../texts/english.js';
import { type Attempt, emailField, newPasswordField, summary } from './form-parts.js';
import { html } from './html.js';
import { layout } from './layout.js';

/** A page that only says that something is done. */
export function donePage(texts: Texts, title: string, heading: string, lead: string): string {
  return layout({
    texts,
    title,
    body: html`<h1>${heading}</h1>
      <p class="lead">${lead}</p>`,
  });
}

export interface LinkToConfirm {
  /** Where the button sends the token to. */
  action: string;
  title: string;
  email: string;
  token: string;
}

/** What a link in a mail opens: nothing happens before its button is pressed. */
export function confirmLinkPage(texts: Texts, { action, title, email, token }: LinkToConfirm): string {
  return layout({
    texts,
    title,
    body: html`<h1>${title}</h1>
      <p class="lead">${email}</p>
      <p>${texts.common.ownRequest}</p>
      ${summary(undefined, texts)}
      <form method="post" action="${action}" data-fetch>
        <input type="hidden" name="token" value="${token}" />
        <button type="submit">${texts.common.confirm}</button>
      </form>`,
  });
}

export function forgotPasswordPage(texts: Texts, attempt: Attempt = {}): string {
  const { forgot } = texts;
  return layout({
    texts,
    title: forgot.title,
    body: html`<h1>${forgot.title}</h1>
      <p class="lead">${forgot.lead}</p>
      ${summary(attempt.error, texts)}
      <form method="post" action="/forgot-password" data-fetch>
        ${emailField(texts, attempt, attempt.email)}
        <button type="submit">${forgot.submit}</button>
      </form>`,
  });
}

export function resetPasswordPage(texts: Texts, link: { email: string; token: string }, attempt: Attempt = {}): string {
  const { reset, common } = texts;
  return layout({
    texts,
    title: reset.title,
    body: html`<h1>${reset.title}</h1>
      <p class="lead">${reset.lead(link.email)}</p>
      <p>${reset.warning}</p>
      ${summary(attempt.error, texts)}
      <form method="post" action="/reset-password" data-fetch>
        <input type="hidden" name="token" value="${link.token}" />
        <input
          class="unseen"
          type="email"
          autocomplete="username"
          value="${link.email}"
          readonly
          tabindex="-1"
          aria-hidden="true"
        />
        ${newPasswordField(texts, attempt, common.newPassword)}
        <button type="submit">${reset.submit}</button>
      </form>`,
  });
}
