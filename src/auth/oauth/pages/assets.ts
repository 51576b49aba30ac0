import { createHash } from 'node:crypto';

/** One stylesheet for all pages of the sign-in. */
export const STYLESHEET = `
:root {
  --ink: #1b1f2a; --soft: #5a6275; --line: #d5d9e2; --paper: #f4f5f8; --card: #ffffff;
  --accent: #2f5bd8; --accent-ink: #ffffff; --accent-strong: #2549b3;
  --bad: #a8201a; --bad-paper: #fdf0ef; --good: #1d6b3a; --good-paper: #eef8f1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #eceef4; --soft: #a3abbd; --line: #3a4152; --paper: #12151c; --card: #1b1f29;
    --accent: #7d9cff; --accent-ink: #0d1430; --accent-strong: #a3b9ff;
    --bad: #ffb0aa; --bad-paper: #3a1b1a; --good: #a5e0b9; --good-paper: #16301f;
  }
}
*, *::before, *::after { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
.card {
  width: 100%; max-width: 26rem; padding: 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 .75rem 2.5rem rgb(0 0 0 / .08);
}
.brand { display: flex; align-items: center; gap: .5rem; margin: 0 0 1.5rem; font-weight: 650; letter-spacing: .01em; }
.mark { width: 1.1rem; height: 1.1rem; border-radius: .3rem; border: .28rem solid var(--accent); border-left-color: transparent; }
h1 { margin: 0 0 .35rem; font-size: 1.5rem; line-height: 1.25; font-weight: 650; }
p { margin: 0 0 1rem; }
.lead, .hint, .foot, .aside { color: var(--soft); }
.hint { margin: .3rem 0 0; font-size: .875rem; }
.foot { margin: 1.5rem 0 0; font-size: .9375rem; }
.aside { margin: .6rem 0 0; font-size: .875rem; text-align: right; }
.unseen { position: absolute; width: 1px; height: 1px; padding: 0; overflow: hidden; clip-path: inset(50%); border: 0; }
a { color: var(--accent); text-underline-offset: .15em; }
.field { margin: 1.1rem 0 0; }
label { display: block; margin-bottom: .3rem; font-weight: 550; font-size: .9375rem; }
input {
  width: 100%; padding: .65rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: .55rem;
}
input[aria-invalid="true"] { border-color: var(--bad); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button, a.quiet {
  width: 100%; margin-top: 1.4rem; padding: .7rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--accent-ink); background: var(--accent); border: 1px solid transparent; border-radius: .55rem;
}
button:hover, a.quiet:hover { background: var(--accent-strong); }
button[disabled] { opacity: .6; cursor: progress; }
a.quiet { display: block; text-align: center; text-decoration: none; }
button.quiet, a.quiet { margin-top: .6rem; color: inherit; background: transparent; border-color: var(--line); }
button.quiet:hover, a.quiet:hover { background: var(--paper); }
button.link { width: auto; margin: 0; padding: 0; font-weight: 400; color: var(--accent); background: none; text-decoration: underline; }
.summary, .notice { margin: 1rem 0 0; padding: .75rem .9rem; border-radius: .55rem; border: 1px solid currentColor; }
.summary { color: var(--bad); background: var(--bad-paper); }
.notice { color: var(--good); background: var(--good-paper); }
.summary[hidden] { display: none; }
.summary ul { margin: .35rem 0 0; padding-left: 1.2rem; }
.scopes { margin: 1.1rem 0 0; padding: 0; list-style: none; border-top: 1px solid var(--line); }
.scopes li { padding: .55rem 0; border-bottom: 1px solid var(--line); }
h2 { margin: 2rem 0 .35rem; font-size: 1.1rem; font-weight: 650; }
button[hidden] { display: none; }
.rows + .quiet, .rows + form .quiet, .devices + form .quiet { margin-top: 1.4rem; }
.picture { display: block; margin: 1rem auto; border-radius: .55rem; background: #fff; }
.choice { display: flex; gap: .6rem; align-items: baseline; margin-top: 1.1rem; font-weight: 400; }
.choice input { width: auto; }
.tag { padding: .1rem .5rem; border-radius: 1rem; font-size: .8125rem; color: var(--good); background: var(--good-paper); }
.rows { display: block; border-top: 1px solid var(--line); }
.rows > div { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; align-items: center; padding: .6rem 0; border-bottom: 1px solid var(--line); }
.rows dt { font-size: .8125rem; }
.rows dd { grid-column: 1; }
.rows .action { grid-column: 2; grid-row: 1 / span 2; }
.devices { margin: 1.1rem 0 0; padding: 0; list-style: none; border-top: 1px solid var(--line); }
.devices li { display: flex; gap: 1rem; align-items: center; justify-content: space-between; padding: .75rem 0; border-bottom: 1px solid var(--line); }
.devices p { margin: .15rem 0 0; }
.codes { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .5rem; margin: 1.1rem 0 0; padding: 0; list-style: none; }
.codes code, .hint code { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem .9rem; margin: 1.1rem 0 0; font-size: .9375rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { .card { padding: 1.5rem 1.25rem; } }
@media (prefers-reduced-motion: no-preference) { button { transition: background .12s; } }
`;

/**
 * Sends forms by fetch and then goes where the answer says: a redirect that answers a form directly is subject to \`form-action\`, which
 * cannot name every loopback address. Without JavaScript the forms work as they are.
 */
export const SCRIPT = `
'use strict';
const words = document.body.dataset;
function showErrors(problem) {
  const summary = document.querySelector('.summary');
  for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  summary.replaceChildren();
  const text = document.createElement('span');
  text.textContent = problem.errors ? words.check : problem.detail || words.failed;
  summary.append(text);
  if (problem.errors) {
    const list = document.createElement('ul');
    for (const error of problem.errors) {
      const item = document.createElement('li');
      item.textContent = error.message;
      list.append(item);
      const input = document.getElementById(error.field);
      if (input instanceof HTMLElement) input.setAttribute('aria-invalid', 'true');
    }
    summary.append(list);
  }
  summary.hidden = false;
  summary.focus();
}
/** The answer, unless it says what was wrong or where to go: then that is done. */
async function post(address, fields) {
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(fields),
  });
  const answer = await response.json();
  if (!response.ok) return showErrors(answer);
  if (!answer.redirectTo) return answer;
  location.assign(answer.redirectTo);
  return undefined;
}
/** No button works twice while the first press is under way. */
async function whileBusy(buttons, work) {
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
async function usePasskey({ passkey, action }) {
  const asked = await post(action + '/options', {});
  if (!asked) return;
  const publicKey = passkey === 'create'
    ? PublicKeyCredential.parseCreationOptionsFromJSON(asked)
    : PublicKeyCredential.parseRequestOptionsFromJSON(asked);
  const credential = await navigator.credentials[passkey]({ publicKey });
  await post(action, { response: credential.toJSON() });
}
for (const form of document.querySelectorAll('form[data-fetch]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form, event.submitter));
    whileBusy(form.querySelectorAll('button'), () =>
      post(form.action, fields).catch(() => showErrors({ detail: words.noAnswer })),
    );
  });
}
if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  for (const button of document.querySelectorAll('[data-passkey]')) {
    button.hidden = false;
    button.addEventListener('click', () =>
      whileBusy([button], () => usePasskey(button.dataset).catch(() => showErrors({ detail: words.failed }))),
    );
  }
}
`;

/** Changes with the content, so that browsers may keep an asset for ever. */
export const ASSETS_VERSION = createHash('sha256').update(STYLESHEET).update(SCRIPT).digest('hex').slice(0, 12);
