import type { BrowserContext, CDPSession, Page } from 'playwright-core';

export const PASSWORD = 'correct horse battery';

/** A device that holds passkeys and whose owner is always there. */
export interface VirtualAuthenticator {
  session: CDPSession;
  authenticatorId: string;
}

export async function addAuthenticator(context: BrowserContext, page: Page): Promise<VirtualAuthenticator> {
  const session = await context.newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { session, authenticatorId };
}

/** Fills the form of the sign-in, in the language that the browser of the tests speaks. */
export async function fillSignIn(page: Page, email: string): Promise<void> {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

export async function openAccount(page: Page, url: string, email: string): Promise<void> {
  await page.goto(`${url}/account`);
  await fillSignIn(page, email);
  await page.getByRole('heading', { name: 'Your account' }).waitFor();
}

export async function addPasskey(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page
    .getByRole('button', { name: /^Remove: / })
    .first()
    .waitFor();
}
