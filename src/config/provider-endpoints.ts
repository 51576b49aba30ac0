/** Where a provider is reached, and as whom. */
export interface ProviderEndpoint {
  /** Without a trailing slash, e.g. `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Null for servers that ask for none, such as a local Ollama. */
  apiKey: string | null;
}

/** Providers whose address is known, so that a key is enough. */
const KNOWN_BASE_URLS: Record<string, string> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
  xai: 'https://api.x.ai/v1',
};

const BASE_URL_VARIABLE = /^([A-Z][A-Z0-9_]*)_BASE_URL$/;

/** What is read of the environment for those. */
export const PROVIDER_VARIABLES = Object.keys(KNOWN_BASE_URLS).flatMap((provider) =>
  ['BASE_URL', 'API_KEY'].map((suffix) => `${provider.toUpperCase()}_${suffix}`),
);

/**
 * The providers that the environment names: `<PROVIDER>_BASE_URL`, with `<PROVIDER>_API_KEY` where one is needed; a key alone is enough for
 * a provider whose address is known. The name is that of `models.provider`, in capitals.
 */
export function readProviderEndpoints(
  source: Record<string, string | undefined>,
): ReadonlyMap<string, ProviderEndpoint> {
  const named = Object.keys(source).flatMap((variable) => BASE_URL_VARIABLE.exec(variable)?.[1]?.toLowerCase() ?? []);
  const endpoints = new Map<string, ProviderEndpoint>();
  for (const provider of new Set([...named, ...Object.keys(KNOWN_BASE_URLS)])) {
    const prefix = provider.toUpperCase();
    const apiKey = source[`${prefix}_API_KEY`]?.trim() || null;
    const endpoint = endpointOf(provider, source[`${prefix}_BASE_URL`]?.trim() || null, apiKey);
    if (endpoint) endpoints.set(provider, endpoint);
  }
  return endpoints;
}

/**
 * Every address that cannot be one, with its variable: its provider would be taken for one without credentials. Variables of other programs are
 * called so, too, so only a provider is looked at whose address is known or that has a key.
 */
export function endpointFaults(source: Record<string, string | undefined>): string[] {
  return Object.keys(source).flatMap((variable) => {
    const prefix = BASE_URL_VARIABLE.exec(variable)?.[1];
    const address = source[variable];
    // Paths are added to it, so that a query would be lost.
    if (!prefix || !address || (isWebAddress(address) && !/[?#]/.test(address))) return [];
    const isProvider = prefix.toLowerCase() in KNOWN_BASE_URLS || Boolean(source[`${prefix}_API_KEY`]);
    return isProvider ? [`${variable}: must be a URL such as https://api.openai.com/v1, without a query`] : [];
  });
}

/** Where a provider is reached with what is known of it; null where that is not enough. */
export function endpointOf(provider: string, given: string | null, apiKey: string | null): ProviderEndpoint | null {
  const baseUrl = given ?? (apiKey === null ? undefined : KNOWN_BASE_URLS[provider]);
  return baseUrl && isWebAddress(baseUrl) ? { baseUrl: baseUrl.replace(/\/+$/, ''), apiKey } : null;
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
