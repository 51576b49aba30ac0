import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import type { Texts } from '../../texts/english.js';
import { textsFor } from '../page-language.js';
import { OIDC_ROUTES } from '../oidc-routes.js';
import { donePage } from './email-link-pages.js';
import { html, Html } from './html.js';
import { layout } from './layout.js';

/** Where a code is typed; the engine's own form has an inline script. `error` is what was wrong with the last one. */
export function userCodePage(ctx: KoaContextWithOIDC, _form: string, _out?: ErrorOut, error?: Error): void {
  if (error && ctx.oidc.session?.exp === undefined) return beginAnew(ctx);
  const texts = textsFor(ctx.req);
  const { device } = texts;
  ctx.body = layout({
    texts,
    title: device.title,
    body: html`<h1>${device.title}</h1>
      <p class="lead">${device.lead}</p>
      ${error && html`<div class="summary" role="alert">${describeFault(error, texts)}</div>`}
      <form method="post" action="${OIDC_ROUTES.code_verification}">
        <input type="hidden" name="xsrf" value="${String(ctx.oidc.session?.state?.['secret'])}" />
        <div class="field">
          <label for="user_code">${device.code}</label>
          <input
            id="user_code"
            name="user_code"
            placeholder="XXXX-XXXX"
            autocomplete="off"
            autocapitalize="characters"
            spellcheck="false"
            maxlength="20"
            required
            autofocus
          />
        </div>
        <button type="submit">${device.next}</button>
      </form>`,
  });
}

/** The browser has no session, or keeps none. The engine fails on keeping a page's secret in one that was never stored. */
function beginAnew(ctx: KoaContextWithOIDC): void {
  Object.assign(ctx.oidc.session ?? {}, { touched: false });
  ctx.status = 303;
  ctx.redirect(OIDC_ROUTES.code_verification);
}

/** `form` is the engine's markup: hidden fields only. Shows what would tell a stranger's device from one's own. */
export function confirmDevicePage(ctx: KoaContextWithOIDC, form: string, userCode: string): void {
  const texts = textsFor(ctx.req);
  const { device } = texts;
  const { DeviceCode: code, Client: client } = ctx.oidc.entities;
  const name = code?.params?.['device_name'];
  ctx.body = layout({
    texts,
    title: device.confirmTitle,
    body: html`<h1>${device.confirmTitle}</h1>
      <p class="lead">${device.confirmLead}</p>
      <dl>
        <dt>${device.code}</dt>
        <dd><strong>${userCode}</strong></dd>
        <dt>${device.app}</dt>
        <dd>${client?.clientName}</dd>
        ${
          typeof name === 'string' &&
          html`<dt>${device.device}</dt>
            <dd>${name}</dd>`
        }
        <dt>${device.address}</dt>
        <dd>${String(code?.deviceInfo?.['ip'])}</dd>
      </dl>
      ${new Html(form)}
      <button type="submit" form="op.deviceConfirmForm">${device.yes}</button>
      <button type="submit" form="op.deviceConfirmForm" name="abort" value="yes" class="quiet">${device.no}</button>`,
  });
}

export function deviceConnectedPage(ctx: KoaContextWithOIDC): void {
  const texts = textsFor(ctx.req);
  const { connected, connectedHeading, connectedLead } = texts.device;
  ctx.body = donePage(texts, connected, connectedHeading, connectedLead);
}

function describeFault({ name }: Error, { device: { faults } }: Texts): string {
  return Object.hasOwn(faults, name) ? faults[name as keyof typeof faults] : faults.other;
}
