/** The tables that every request or sign-in reads: what matters there is that nothing reads them from end to end. */
export const HOT_TABLES = [
  'api_keys',
  'auth_grants',
  'credit_accounts',
  'credit_holds',
  'credit_postings',
  'credits',
  'idempotency_keys',
  'oidc_artifacts',
  'subscriptions',
  'token_usage_ledger',
  'users',
] as const;
