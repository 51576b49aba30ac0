import type { AppError } from '../../../common/errors/app-error.js';
import type { ConsentView } from '../consent.service.js';
import { PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../interaction-forms.js';
import type { Interaction } from '../interactions.js';
import { html, type Html } from './html.js';
import { layout } from './layout.js';
import { describeScope } from './scope-descriptions.js';

/** What a form showed when it was sent, to be shown again with what was wrong. */
export interface Attempt {
  error?: AppError | undefined;
  email?: string | undefined;
  displayName?: string | undefined;
}

/** Always there, so that the script and screen readers find it; hidden while there is nothing to say. */
function summary(error: AppError | undefined): Html {
  if (!error) return html`<div class="summary" role="alert" tabindex="-1" hidden></div>`;
  const list = error.errors.map((field) => html`<li>${field.message}</li>`);
  return html`<div class="summary" role="alert" tabindex="-1">
    ${
      list.length > 0
        ? html`Please check:
            <ul>
              ${list}
            </ul>`
        : error.message
    }
  </div>`;
}

function invalid(attempt: Attempt, field: string): Html | null {
  return attempt.error?.errors.some((error) => error.field === field) ? html` aria-invalid="true"` : null;
}

export function signInPage(interaction: Interaction, attempt: Attempt = {}, isRegistered = false): string {
  const { uid, clientName } = interaction;
  return layout({
    title: 'Sign in',
    body: html`<h1>Sign in</h1>
      <p class="lead">to continue to ${clientName}</p>
      ${isRegistered && html`<div class="notice" role="status">If the address was new, your account is ready and we have sent you a link to confirm it. Sign in to go on.</div>`}
      ${summary(attempt.error)}
      <form method="post" action="/interaction/${uid}/login" data-fetch>
        <div class="field">
          <label for="email">E-mail address</label>
          <input
            id="email"
            name="email"
            type="email"
            autocomplete="username"
            required
            autofocus
            value="${attempt.email ?? interaction.loginHint}"
            ${invalid(attempt, 'email')}
          />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="current-password"
            required
            maxlength="${PASSWORD_LENGTH_MAX}"
            ${invalid(attempt, 'password')}
          />
        </div>
        <button type="submit">Sign in</button>
      </form>
      <form method="post" action="/interaction/${uid}/cancel" data-fetch>
        <button type="submit" class="quiet">Cancel</button>
      </form>
      <p class="foot">New here? <a href="/interaction/${uid}/register">Create an account</a></p>`,
  });
}

export function registerPage({ uid, clientName }: Interaction, attempt: Attempt = {}): string {
  return layout({
    title: 'Create an account',
    body: html`<h1>Create an account</h1>
      <p class="lead">to continue to ${clientName}</p>
      ${summary(attempt.error)}
      <form method="post" action="/interaction/${uid}/register" data-fetch>
        <div class="field">
          <label for="email">E-mail address</label>
          <input
            id="email"
            name="email"
            type="email"
            autocomplete="username"
            required
            autofocus
            value="${attempt.email}"
            ${invalid(attempt, 'email')}
          />
        </div>
        <div class="field">
          <label for="displayName">Name <span class="hint">(optional)</span></label>
          <input
            id="displayName"
            name="displayName"
            autocomplete="name"
            maxlength="100"
            value="${attempt.displayName}"
            ${invalid(attempt, 'displayName')}
          />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="new-password"
            required
            minlength="${PASSWORD_LENGTH_MIN}"
            maxlength="${PASSWORD_LENGTH_MAX}"
            aria-describedby="password-hint"
            ${invalid(attempt, 'password')}
          />
          <p class="hint" id="password-hint">
            At least ${PASSWORD_LENGTH_MIN} characters. A few words are easier to remember than symbols.
          </p>
        </div>
        <button type="submit">Create account</button>
      </form>
      <p class="foot">Already have one? <a href="/interaction/${uid}">Sign in</a></p>`,
  });
}

export function consentPage(interaction: Interaction, view: ConsentView, error?: AppError): string {
  const { uid, clientName, device, scopes } = interaction;
  const items = scopes.flatMap((scope) => {
    const text = describeScope(scope);
    return text
      ? [
          html`<li>
            ${text}${view.later.includes(scope) && html` <span class="hint">after you confirm your address</span>`}
          </li>`,
        ]
      : [];
  });
  return layout({
    title: `Continue to ${clientName}`,
    body: html`<h1>Continue to ${clientName}?</h1>
      <p class="lead">Only go on if you have just started the sign-in yourself.</p>
      ${summary(error)}
      <dl>
        <dt>Account</dt>
        <dd>${view.email}</dd>
        ${
          device.name !== null &&
          html`<dt>Device</dt>
            <dd>${device.name}</dd>`
        }
      </dl>
      <ul class="scopes" aria-label="The app will be able to">
        ${items}
      </ul>
      <form method="post" action="/interaction/${uid}/consent" data-fetch>
        <button type="submit" name="decision" value="allow">Continue as ${view.email}</button>
        <button type="submit" name="decision" value="deny" class="quiet">Cancel</button>
      </form>
      <p class="foot">
        The app stays signed in for up to 90 days. Not you? <a href="/interaction/${uid}/switch">Use another account</a>
      </p>`,
  });
}

/** A page that can only say what went wrong. */
export function failurePage(error: AppError): string {
  return layout({
    title: error.kind.title,
    body: html`<h1>${error.kind.title}</h1>
      <p class="lead">${error.message}</p>`,
  });
}

export function confirmEmailPage(email: string, token: string): string {
  return layout({
    title: 'Confirm your address',
    body: html`<h1>Confirm your address</h1>
      <p class="lead">${email}</p>
      ${summary(undefined)}
      <form method="post" action="/verify-email" data-fetch>
        <input type="hidden" name="token" value="${token}" />
        <button type="submit">Confirm</button>
      </form>`,
  });
}

export function emailConfirmedPage(): string {
  return layout({
    title: 'Address confirmed',
    body: html`<h1>Your address is confirmed</h1>
      <p class="lead">You can close this page and go back to the app.</p>`,
  });
}
