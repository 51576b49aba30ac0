import type { AppError } from '../../common/errors/app-error.js';
import type { UpstreamIssuer } from '../../config/upstream-issuers.js';
import type { LinkedIdentity, Passkey } from '../identity/factors.entity.js';
import { PASSWORD_LENGTH_MAX } from '../identity/password-policy.js';
import { hasFactor } from '../identity/factors/second-factors.service.js';
import type { SignedInDevice } from '../oauth/device.service.js';
import { codeField, enrolmentPart } from '../oauth/pages/factor-pages.js';
import { type Attempt, emailField, field, newPasswordField, summary } from '../oauth/pages/form-parts.js';
import { html, type Html } from '../oauth/pages/html.js';
import { layout } from '../oauth/pages/layout.js';
import type { Texts } from '../texts/english.js';
import type { Visitor } from './account-visits.js';

export interface WaysIn {
  hasPassword: boolean;
  passkeys: readonly Passkey[];
  identities: readonly LinkedIdentity[];
  /** Where one may be connected. */
  issuers: readonly UpstreamIssuer[];
}

/** What came of the last button. */
export interface News {
  error?: AppError;
  isLinkSent?: boolean;
}

/** Everything about the account at a glance; what can be changed is a link or a button beside it. */
export function accountPage(
  { user, texts, status }: Visitor,
  ways: WaysIn,
  { error, isLinkSent = false }: News,
): string {
  const { account } = texts;
  const { password } = texts.common;
  return layout({
    texts,
    title: account.title,
    body: html`<h1>${account.title}</h1>
      ${isLinkSent && user.emailVerifiedAt === null && html`<div class="notice" role="status">${account.linkSent}</div>`}
      ${summary(error, texts)}
      <dl class="rows">
        ${row(texts.common.email, user.email, link('/account/email', account.change, texts.common.email))}
        ${
          user.emailVerifiedAt === null &&
          row(
            texts.verify.title,
            account.unconfirmed,
            button('/account/verify-email', account.sendLinkAgain, texts.common.email),
          )
        }
        ${
          ways.hasPassword
            ? row(password, '••••••••', link('/account/password', account.change, password))
            : row(password, account.noPassword, link('/forgot-password', account.choosePassword, password))
        }
        ${row(account.devices, account.devicesLead, link('/account/devices', account.show, account.devices))}
      </dl>
      <h2>${account.factors}</h2>
      <p class="lead">${hasFactor(status) ? account.factorsLead : account.noFactors}</p>
      <dl class="rows">
        ${row(
          account.app,
          status.hasAuthenticator ? account.on : account.off,
          status.hasAuthenticator
            ? button('/account/authenticator/remove', account.remove, account.app)
            : link('/account/authenticator', account.add, account.app),
        )}
        ${ways.passkeys.map((passkey) =>
          row(
            account.passkey,
            passkey.name,
            button(`/account/passkeys/${passkey.id}/remove`, account.remove, passkey.name),
          ),
        )}
        ${
          hasFactor(status) &&
          row(
            account.recoveryCodes,
            account.codesLeft(status.recoveryCodes),
            html`<form method="post" action="/account/recovery-codes">
              <button class="link">${account.newCodes}</button>
            </form>`,
          )
        }
      </dl>
      <button type="button" class="quiet" data-passkey="create" data-action="/account/passkeys" hidden>
        ${account.addPasskey}
      </button>
      ${connections(texts, ways)}
      <form method="post" action="/account/sign-out" data-fetch>
        <button class="quiet">${texts.provider.signOut}</button>
      </form>`,
  });
}

function connections({ account }: Texts, { identities, issuers }: WaysIn): Html | false {
  if (identities.length === 0 && issuers.length === 0) return false;
  const rows = identities.map(({ id, issuer, email }) => {
    const name = issuers.find((known) => known.issuer === issuer)?.label ?? new URL(issuer).host;
    return row(name, email ?? account.on, button(`/account/identities/${id}/remove`, account.remove, name));
  });
  const free = issuers.filter(({ issuer }) => identities.every((identity) => identity.issuer !== issuer));
  return html`<h2>${account.connections}</h2>
    <p class="lead">${account.connectionsLead}</p>
    ${rows.length > 0 && html`<dl class="rows">${rows}</dl>`}
    ${free.map(
      ({ name, label }) =>
        html`<form method="post" action="/account/identities/${name}" data-fetch>
          <button class="quiet">${account.connect(label)}</button>
        </form>`,
    )}`;
}

export function devicesPage({ texts, grantId }: Visitor, devices: readonly SignedInDevice[]): string {
  const { account } = texts;
  const time = new Intl.DateTimeFormat(texts.language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  const items = devices.map(({ grant, clientName }) => {
    const isHere = grant.id === grantId;
    const name = grant.deviceName ?? clientName;
    return html`<li>
      <div>
        <strong>${name}</strong>${isHere && html` <span class="tag">${account.thisDevice}</span>`}
        <p class="hint">
          ${clientName} · ${account.lastUsed} ${time.format(grant.lastUsedAt ?? grant.createdAt)}
          UTC${grant.lastIp && html` · ${grant.lastIp}`}
        </p>
        <p class="hint">${account.signInAgainBy} ${time.format(grant.expiresAt)} UTC</p>
      </div>
      ${!isHere && button(`/account/devices/${grant.id}/end`, texts.provider.signOut, name)}
    </li>`;
  });
  return layout({
    texts,
    title: account.devices,
    body: html`<h1>${account.devices}</h1>
      <p class="lead">${account.devicesLead}</p>
      ${summary(undefined, texts)}
      <ul class="devices">
        ${items}
      </ul>
      <form method="post" action="/account/devices/end-others" data-fetch>
        <button class="quiet">${account.endOthers}</button>
      </form>
      ${back(texts)}`,
  });
}

export function passwordPage({ texts, user }: Visitor, attempt: Attempt = {}): string {
  const { account, common } = texts;
  return layout({
    texts,
    title: account.changePassword,
    body: html`<h1>${account.changePassword}</h1>
      ${summary(attempt.error, texts)}
      <form method="post" action="/account/password" data-fetch>
        <input
          class="unseen"
          type="email"
          autocomplete="username"
          value="${user.email}"
          readonly
          tabindex="-1"
          aria-hidden="true"
        />
        ${field(
          {
            name: 'current',
            label: account.currentPassword,
            type: 'password',
            autocomplete: 'current-password',
            hasFocus: true,
            lengthMax: PASSWORD_LENGTH_MAX,
          },
          attempt,
        )}
        ${newPasswordField(texts, attempt, common.newPassword)}
        <label class="choice"
          ><input type="checkbox" name="endOthers" value="yes" checked /> ${account.endOthers}</label
        >
        <button type="submit">${account.changePassword}</button>
      </form>
      ${back(texts)}`,
  });
}

export function emailPage({ texts, user }: Visitor, attempt: Attempt = {}): string {
  const { account } = texts;
  return layout({
    texts,
    title: account.changeEmail,
    body: html`<h1>${account.changeEmail}</h1>
      <p class="lead">${account.changeEmailLead(user.email)}</p>
      ${summary(attempt.error, texts)}
      <form method="post" action="/account/email" data-fetch>
        ${emailField(texts, attempt, attempt.email)}
        <button type="submit">${texts.forgot.submit}</button>
      </form>
      ${back(texts)}`,
  });
}

export function authenticatorPage(
  { texts }: Visitor,
  enrolment: { picture: string; secret: string },
  attempt: Attempt = {},
): string {
  return layout({
    texts,
    title: texts.account.app,
    body: html`<h1>${texts.account.app}</h1>
      ${summary(attempt.error, texts)} ${enrolmentPart(texts, enrolment)}
      <form method="post" action="/account/authenticator" data-fetch>
        ${codeField(texts, attempt)}
        <button type="submit">${texts.common.confirm}</button>
      </form>
      ${back(texts)}`,
  });
}

export function recoveryCodesPage({ texts }: Visitor, codes: readonly string[]): string {
  const { account } = texts;
  return layout({
    texts,
    title: account.recoveryCodes,
    body: html`<h1>${account.recoveryCodes}</h1>
      <p class="lead">${account.codesLead}</p>
      <ul class="codes">
        ${codes.map((code) => html`<li><code>${code}</code></li>`)}
      </ul>
      ${back(texts)}`,
  });
}

function row(term: string, text: string, action: Html): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd>${text}</dd>
    <dd class="action">${action}</dd>
  </div>`;
}

/** Several on a page say the same; for who hears them one by one each says what it is about. */
function link(href: string, text: string, about: string): Html {
  return html`<a href="${href}" aria-label="${text}: ${about}">${text}</a>`;
}

function button(action: string, text: string, about: string): Html {
  return html`<form method="post" action="${action}" data-fetch>
    <button class="link" aria-label="${text}: ${about}">${text}</button>
  </form>`;
}

function back({ account }: Texts): Html {
  return html`<p class="foot"><a href="/account">${account.back}</a></p>`;
}
