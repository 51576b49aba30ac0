import type { Texts } from '../../texts/english.js';
import type { FactorStepView } from '../factor-step.service.js';
import type { Interaction } from '../interactions.js';
import { type Attempt, field, summary } from './form-parts.js';
import { html, type Html } from './html.js';
import { layout } from './layout.js';

/** The step after the password: a code or a passkey, or the first code of a new authenticator app. */
export function factorPage(
  texts: Texts,
  interaction: Interaction,
  view: FactorStepView,
  attempt: Attempt = {},
): string {
  const { factor, signIn, common } = texts;
  const { uid, clientName } = interaction;
  const { status, enrolment } = view;
  return layout({
    texts,
    title: factor.title,
    body: html`<h1>${enrolment ? factor.enrolTitle : factor.title}</h1>
      <p class="lead">${signIn.lead(clientName)}</p>
      ${summary(attempt.error, texts)} ${status.passkeys > 0 && passkeyButton(texts, `/interaction/${uid}/passkey`)}
      ${enrolment && enrolmentPart(texts, enrolment)}
      <form method="post" action="/interaction/${uid}/mfa" data-fetch>
        ${codeField(texts, attempt, !enrolment && status.recoveryCodes > 0 ? factor.recoveryHint : undefined)}
        <button type="submit">${common.confirm}</button>
      </form>
      <form method="post" action="/interaction/${uid}/cancel" data-fetch>
        <button type="submit" class="quiet">${common.cancel}</button>
      </form>`,
  });
}

/** Shown by the script where the browser knows passkeys. `action` takes the answer, `action/options` gives the question. */
export function passkeyButton(texts: Texts, action: string): Html {
  return html`<button type="button" class="quiet" data-passkey="get" data-action="${action}" hidden>
    ${texts.factor.passkey}
  </button>`;
}

/** The picture for an authenticator app, and the same in letters. */
export function enrolmentPart(texts: Texts, { picture, secret }: { picture: string; secret: string }): Html {
  const { factor } = texts;
  return html`<p>${factor.enrolLead}</p>
    <img class="picture" src="${picture}" alt="${factor.picture}" width="208" height="208" />
    <p class="hint">${factor.secret} <code>${secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>`;
}

export function codeField(texts: Texts, attempt: Attempt, hint?: string): Html {
  return field(
    {
      name: 'code',
      label: texts.factor.code,
      autocomplete: 'one-time-code',
      hasFocus: true,
      lengthMax: 30,
      ...(hint !== undefined && { hint }),
    },
    attempt,
  );
}
