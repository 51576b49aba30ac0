/** Where nobody answers: every such address counts as this one. */
export const NO_ROUTE = '(no route)';

const ENGINE_PATHS = /^\/(oauth2|\.well-known)\/[^/]+/;

/** The parts of the API that requests are counted by. */
export const API_SERVICES = ['api', 'admin', 'sign-in', 'machine'] as const;
export type ApiService = (typeof API_SERVICES)[number];

/**
 * What a request is counted as: the pattern of its route. The engine of the sign-in has routes of its own below two folders; beyond their names
 * they hold ids, which would make a line of each request.
 */
export function endpointOf(pattern: string | undefined, path: string, status: number): string {
  if (pattern !== undefined) return pattern;
  return (status === 404 ? undefined : ENGINE_PATHS.exec(path)?.[0]) ?? NO_ROUTE;
}

export function serviceOf(endpoint: string): ApiService {
  if (endpoint.startsWith('/v1/')) return 'api';
  if (endpoint.startsWith('/admin/')) return 'admin';
  return /^\/(oauth2|interaction|account|verify-email|change-email|forgot-password|reset-password)\b/.test(endpoint)
    ? 'sign-in'
    : 'machine';
}
