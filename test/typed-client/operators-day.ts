import {
  accountsAdminRead,
  budgetAdminCreate,
  budgetAdminRead,
  budgetAdminUpdate,
  creditsAdminGrant,
  ledgerAdminPage,
  reconciliationRead,
  subscriptionAdminStart,
  usageReportAdminSummary,
  usersAdminList,
  usersAdminRead,
} from './api/index.js';
import { createClient } from './api/client/index.js';

const reason = 'A day of an operator';

/** Looks a customer up, helps, sets a budget and looks at the figures: each answer is used as the description types it. */
export async function walk({ baseUrl, token, userId }: { baseUrl: string; token: string; userId: string }) {
  const client = createClient({ baseUrl, auth: token });
  const { data: users } = await usersAdminList({
    client,
    query: { email: 'customer@', limit: 10 },
    throwOnError: true,
  });
  const [customer] = users.data;
  const { response: seen } = await usersAdminRead({ client, path: { id: customer!.id }, throwOnError: true });
  await subscriptionAdminStart({ client, body: { userId, tier: 'free', reason }, throwOnError: true });

  const grant = { userId, amount: '25', source: 'promo' as const, reason, idempotencyKey: 'typed-client-1' };
  const { data: granted } = await creditsAdminGrant({ client, body: grant, throwOnError: true });
  const { data: account } = await accountsAdminRead({ client, path: { userId }, throwOnError: true });

  const asked = { scope: 'user' as const, scopeKey: userId, period: 'month' as const, limitCredits: '100', reason };
  const { data: created } = await budgetAdminCreate({
    client,
    body: { ...asked, alertEmails: ['ops@example.com'] },
    throwOnError: true,
  });
  const path = { id: created.id };
  const change = { client, path, body: { limitCredits: '200', reason } };
  const stale = await budgetAdminUpdate({ ...change, headers: { 'If-Match': '"stale"' } });
  const { response: read } = await budgetAdminRead({ client, path, throwOnError: true });
  const { data: raised } = await budgetAdminUpdate({
    ...change,
    headers: { 'If-Match': read.headers.get('etag') ?? '' },
    throwOnError: true,
  });

  const { data: summary } = await usageReportAdminSummary({
    client,
    query: { userId, groupBy: ['day', 'model'], timeZone: 'Europe/Berlin' },
    throwOnError: true,
  });
  const { data: ledger } = await ledgerAdminPage({ client, query: { userId }, throwOnError: true });
  const refused = await ledgerAdminPage({ client, query: { limit: 9_999 } });
  const { data: books } = await reconciliationRead({ client, throwOnError: true });
  return {
    found: customer?.id,
    hasEtag: seen.headers.has('etag'),
    granted: granted.total,
    available: account.available,
    staleChange: stale.response?.status,
    budget: created,
    budgetRaised: raised.limitCredits,
    usedToday: summary.total.requests + ledger.data.length,
    unknownFilter: refused.error?.code,
    balanced: books.balanced,
  };
}
