const KIB = 1_024;
const MIB = 1_024 * KIB;

/** What a route takes that is not listed below: no product resource is larger than a few kilobytes. */
export const BODY_BYTES_DEFAULT = 64 * KIB;

/** Routes that carry prompts and images, reports of apps, and documents of operators. The largest is a chat with 20 images as data URIs. */
const BODY_BYTES_BY_ROUTE: Record<string, number> = {
  '/v1/chat/completions': 20 * MIB,
  '/v1/messages': 20 * MIB,
  '/v1/responses': 20 * MIB,
  '/v1/estimates': 20 * MIB,
  '/v1/embeddings': 2 * MIB,
  '/v1/app/diagnostics': 5 * MIB,
  '/v1/analyses': MIB,
  '/admin/imports/models': 32 * MIB,
  '/admin/imports/litellm': 32 * MIB,
  '/admin/imports/provider-usage': 32 * MIB,
};

/** Routes that read CSV as it arrives: nobody holds the whole of it. */
export const STREAMED_ROUTES: ReadonlySet<string> = new Set(['/admin/imports/provider-usage']);

export function bodyBytesMax(route: string): number {
  return BODY_BYTES_BY_ROUTE[route] ?? BODY_BYTES_DEFAULT;
}

/**
 * Most values of a JSON body. Each is looked at while nobody else is served, and many small ones take seconds where as many bytes of text take
 * none: this is twice of what 10 000 messages of one part have.
 */
const JSON_VALUES_DEFAULT = 200_000;

/** Lists of tokens, and documents of operators. */
const JSON_VALUES_BY_ROUTE: Record<string, number> = {
  '/v1/embeddings': 500_000,
  '/admin/imports/models': 2_000_000,
  '/admin/imports/litellm': 2_000_000,
};

export function jsonValuesMax(route: string): number {
  return JSON_VALUES_BY_ROUTE[route] ?? JSON_VALUES_DEFAULT;
}
