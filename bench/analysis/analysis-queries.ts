import type { Question } from '../usage/asking.js';

const operator = (path: string): Question => ({ name: path, path, as: 'operator' });
const user = (path: string): Question => ({ name: path, path, as: 'user' });

const GROUPS = ['model', 'kind', 'tier', 'hour'];

/** Every list and report of analyses; the user has more of them than anybody else, and `analysisId` is one. */
export function analysisQueries(userId: string, analysisId: string): Question[] {
  const year = `from=${new Date(Date.now() - 360 * 86_400_000).toISOString()}`;
  const asked = [
    operator('/admin/analyses'),
    operator('/admin/analyses?limit=200&status=completed'),
    operator('/admin/analyses?status=failed'),
    operator('/admin/analyses?status=dead'),
    operator('/admin/analyses?model=gpt-5'),
    operator('/admin/analyses?kind=summary'),
    operator('/admin/analyses?fallbackUsed=true'),
    operator(`/admin/analyses?userId=${userId}`),
    operator(`/admin/analyses?userId=${userId}&status=dead`),
    operator('/admin/dead-letters'),
    operator('/admin/fallback-comparisons'),
    operator('/admin/recovery-workflows'),
    operator('/admin/recovery-workflows?state=running'),
    operator(`/admin/recovery-workflows?analysisId=${analysisId}`),
    ...GROUPS.map((group) => operator(`/admin/analyses/summary?groupBy=${group}`)),
    ...GROUPS.map((group) => operator(`/admin/analyses/summary?groupBy=${group}&${year}`)),
    user('/v1/analyses'),
    user('/v1/analyses?limit=200&status=completed'),
    user('/v1/analyses?status=dead'),
    user('/v1/analyses?subject=entry-42'),
    user('/v1/analyses?kind=summary'),
    user(`/v1/analyses/${analysisId}`),
  ];
  return asked.map((query) => ({
    ...query,
    name: query.name.replaceAll(userId, '…').replaceAll(analysisId, '…').replace(year, 'from=a year ago'),
  }));
}
