/** One question that a page of the console or of an account asks. */
export interface UsageQuery {
  name: string;
  path: string;
  as: 'operator' | 'user';
}

const operator = (path: string): UsageQuery => ({ name: path, path, as: 'operator' });
const user = (path: string): UsageQuery => ({ name: path, path, as: 'user' });

/** Every list and every report over calls and users; `heavyUserId` is who has made the most calls. */
export function usageQueries(heavyUserId: string): UsageQuery[] {
  const heavy = ({ path, as }: UsageQuery): UsageQuery => ({
    name: path.replace(heavyUserId, '…'),
    path,
    as,
  });
  return [
    operator('/admin/usage/summary'),
    operator('/admin/usage/summary?groupBy=hour&fillGaps=true'),
    operator('/admin/usage/summary?groupBy=day,model&timeZone=Europe/Berlin'),
    operator('/admin/usage/forecast'),
    operator('/admin/usage/by-model'),
    operator('/admin/usage/by-provider'),
    operator('/admin/usage/by-operation'),
    operator('/admin/usage/by-tier'),
    operator('/admin/usage/by-user'),
    operator('/admin/usage/by-user?sort=cost&limit=200'),
    operator('/admin/usage/vision'),
    operator('/admin/usage/legacy-models'),
    operator('/admin/usage/ledger'),
    operator('/admin/usage/ledger?limit=200&model=gpt-5'),
    heavy(operator(`/admin/usage/ledger?userId=${heavyUserId}`)),
    heavy(operator(`/admin/usage/summary?userId=${heavyUserId}`)),
    heavy(operator(`/admin/credits/accounts/${heavyUserId}`)),
    operator('/admin/users'),
    operator('/admin/subscriptions'),
    operator('/admin/credits/grants'),
    operator('/admin/budgets'),
    user('/v1/me/usage'),
    user('/v1/me/usage?groupBy=day,model'),
    user('/v1/usage'),
    user('/v1/me/limits'),
    user('/v1/me/credits'),
  ];
}
