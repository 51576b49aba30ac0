import type { AppError } from '../../../common/errors/app-error.js';
import { PASSWORD_LENGTH_MAX } from '../../identity/password-policy.js';
import type { Texts } from '../../texts/english.js';
import { wordsOf } from '../../texts/error-words.js';
import type { ConsentView } from '../consent.service.js';
import { GRANT_DAYS } from '../grant.service.js';
import type { Interaction } from '../interactions.js';
import { type Attempt, emailField, field, newPasswordField, summary } from './form-parts.js';
import { passkeyButton } from './factor-pages.js';
import { upstreamLinks } from './upstream-parts.js';
import { html } from './html.js';
import { layout } from './layout.js';

export function signInPage(
  texts: Texts,
  interaction: Interaction,
  attempt: Attempt = {},
  isRegistered = false,
): string {
  const { uid, clientName, loginHint } = interaction;
  const { signIn, common } = texts;
  return layout({
    texts,
    title: signIn.title,
    body: html`<h1>${signIn.title}</h1>
      <p class="lead">${signIn.lead(clientName)}</p>
      ${isRegistered && html`<div class="notice" role="status">${signIn.registered}</div>`}
      ${summary(attempt.error, texts)}
      <form method="post" action="/interaction/${uid}/login" data-fetch>
        ${emailField(texts, attempt, attempt.email ?? loginHint)}
        ${field(
          {
            name: 'password',
            label: common.password,
            type: 'password',
            autocomplete: 'current-password',
            lengthMax: PASSWORD_LENGTH_MAX,
          },
          attempt,
        )}
        <p class="aside"><a href="/forgot-password">${signIn.forgot}</a></p>
        <button type="submit">${signIn.title}</button>
      </form>
      ${passkeyButton(texts, `/interaction/${uid}/passkey`)} ${upstreamLinks(texts, interaction)}
      <form method="post" action="/interaction/${uid}/cancel" data-fetch>
        <button type="submit" class="quiet">${common.cancel}</button>
      </form>
      <p class="foot">${signIn.newHere} <a href="/interaction/${uid}/register">${signIn.createAccount}</a></p>`,
  });
}

export function registerPage(texts: Texts, interaction: Interaction, attempt: Attempt = {}): string {
  const { register, signIn, common } = texts;
  const { uid, clientName } = interaction;
  return layout({
    texts,
    title: register.title,
    body: html`<h1>${register.title}</h1>
      <p class="lead">${signIn.lead(clientName)}</p>
      ${summary(attempt.error, texts)}
      <form method="post" action="/interaction/${uid}/register" data-fetch>
        ${emailField(texts, attempt, attempt.email)}
        ${field(
          {
            name: 'displayName',
            label: html`${register.name} <span class="hint">${common.optional}</span>`,
            autocomplete: 'name',
            value: attempt.displayName,
            isRequired: false,
            lengthMax: 100,
          },
          attempt,
        )}
        ${newPasswordField(texts, attempt)}
        <button type="submit">${register.submit}</button>
      </form>
      ${upstreamLinks(texts, interaction)}
      <p class="foot">${register.haveOne} <a href="/interaction/${uid}">${signIn.title}</a></p>`,
  });
}

export function consentPage(texts: Texts, interaction: Interaction, view: ConsentView, error?: AppError): string {
  const { uid, clientName, device, scopes } = interaction;
  const { consent, common } = texts;
  // Scopes without words, such as `openid`, say nothing to a person.
  const items = scopes.flatMap((scope) => {
    const words = texts.scopes[scope];
    const later = view.later.includes(scope) && html` <span class="hint">${consent.later}</span>`;
    return words === undefined ? [] : [html`<li>${words}${later}</li>`];
  });
  return layout({
    texts,
    title: consent.title(clientName),
    body: html`<h1>${consent.heading(clientName)}</h1>
      <p class="lead">${consent.lead}</p>
      ${summary(error, texts)}
      <dl>
        <dt>${consent.account}</dt>
        <dd>${view.email}</dd>
        ${
          device.name !== null &&
          html`<dt>${consent.device}</dt>
            <dd>${device.name}</dd>`
        }
      </dl>
      <ul class="scopes" aria-label="${consent.scopes}">
        ${items}
      </ul>
      <form method="post" action="/interaction/${uid}/consent" data-fetch>
        <button type="submit" name="decision" value="allow">${consent.submit(view.email)}</button>
        <button type="submit" name="decision" value="deny" class="quiet">${common.cancel}</button>
      </form>
      <p class="foot">${consent.lifetime(GRANT_DAYS)} <a href="/interaction/${uid}/switch">${consent.switch}</a></p>`,
  });
}

/** A page that can only say what went wrong. */
export function failurePage(texts: Texts, error: AppError): string {
  const { title, detail } = wordsOf(error, texts);
  const list = error.errors.map(({ message }) => html`<li>${message}</li>`);
  return layout({
    texts,
    title,
    body: html`<h1>${title}</h1>
      <p class="lead">${detail}</p>
      ${
        list.length > 0 &&
        html`<ul>
          ${list}
        </ul>`
      }`,
  });
}
