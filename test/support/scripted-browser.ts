import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../auth/browser.js';
import { approve, type Person } from '../auth/desktop-client.js';

/** What the person in front of the browser does; handed over in the environment. */
export interface Visit extends Person {
  decision: 'allow' | 'deny';
}

const visit = JSON.parse(process.env['TEST_VISIT'] ?? '') as Visit;
const address = new URL(process.argv[2] ?? '');

// Another program knocks at the app's port first, without knowing the state.
const redirectUri = address.searchParams.get('redirect_uri') ?? '';
const knock = await fetch(`${redirectUri}?code=stolen&state=guessed`);
if (knock.status !== 404) throw new Error(`a stranger was let in: ${knock.status}`);
await sleep(50);

const callback = await approve(new Browser(address.origin), address, visit, visit.decision);
const page = await (await fetch(callback)).text();
const title = visit.decision === 'allow' ? 'You are signed in' : 'You are not signed in';
if (!page.includes(`<h1>${title}</h1>`)) throw new Error(page);
