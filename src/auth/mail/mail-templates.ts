import { html, type Html } from '../oauth/pages/html.js';
import type { Texts } from '../texts/english.js';
import { textsIn } from '../texts/languages.js';
import type { Mail, RenderedMail } from './mail.js';

interface Letter {
  subject: string;
  text: string;
  /** What the reader is to open. */
  link?: { path: string; action: string };
}

/** The mail as text and as HTML that says the same. */
export function renderMail(mail: Mail, publicUrl: string): RenderedMail {
  const texts = textsIn(mail.language);
  const { subject, text, link } = letterOf(mail, texts);
  const address = link && `${publicUrl}${link.path}`;
  const footer = texts.mail.footer(new URL(publicUrl).host);
  return {
    subject,
    text: [texts.mail.greeting, text, address, footer].filter(Boolean).join('\n\n'),
    html: document(texts, {
      subject,
      body: html`<p>${texts.mail.greeting}</p>
        <p>${text}</p>
        ${address !== undefined && button(address, link?.action ?? address)}
        <p style="color:#5a6275;font-size:13px;margin:32px 0 0">${footer}</p>`,
    }),
  };
}

function letterOf(mail: Mail, { mail: texts }: Texts): Letter {
  switch (mail.template) {
    case 'notice':
      return mail.variables;
    case 'verifyEmail':
    case 'resetPassword':
    case 'changeEmail': {
      const { subject, text, action } = texts[mail.template];
      const { path, validMs } = mail.variables;
      return { subject, text: text(validMs), link: { path, action } };
    }
    case 'signInCopied': {
      const { subject, text } = texts.signInCopied;
      return { subject, text: text(mail.variables.device) };
    }
    case 'apiKeyMade': {
      const { subject, text } = texts.apiKeyMade;
      return { subject, text: text(mail.variables.name) };
    }
    case 'accountDeleted': {
      const { subject, text } = texts.accountDeleted;
      return { subject, text: text(mail.variables.graceDays) };
    }
    case 'alreadyRegistered':
    case 'passwordChanged':
    case 'emailChanging':
    case 'factorsChanged':
    case 'connectionsChanged':
      return texts[mail.template];
  }
}

/** Programs for mail know few of the rules of the web: styles stand at their elements, and the address is there to be copied. */
function button(address: string, action: string): Html {
  return html`<p style="margin:24px 0">
      <a
        href="${address}"
        style="background:#2f5bd8;color:#ffffff;text-decoration:none;font-weight:600;padding:12px 20px;border-radius:8px;display:inline-block"
        >${action}</a
      >
    </p>
    <p style="color:#5a6275;font-size:13px;word-break:break-all">${address}</p>`;
}

function document(texts: Texts, { subject, body }: { subject: string; body: Html }): string {
  return html`<!doctype html>
    <html lang="${texts.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="color-scheme" content="light dark" />
        <title>${subject}</title>
      </head>
      <body style="margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
        <div style="max-width:520px;margin:0 auto">${body}</div>
      </body>
    </html>`.text;
}
