import * as oauth from 'openid-client';
import { causesOf, Failure } from './failure.js';
import { isLoopback } from './options.js';

export const CLIENT_ID = 'textassistant-desktop';
const METADATA = { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' };
const ANSWER_SECONDS_MAX = 20;
/** The checks of tokens tolerate this much by themselves. */
const CLOCK_DIFFERENCE_SECONDS_MAX = 30;

/**
 * Learns the endpoints of `server`. The ID token is checked by this computer's clock; where that differs from the server's, the difference
 * is taken into account and told, instead of refusing a sign-in that is good.
 */
export async function discover(server: URL, note: (text: string) => void): Promise<oauth.Configuration> {
  let serverAheadSeconds = 0;
  const fetchAndReadClock: oauth.CustomFetch = async (url, init) => {
    const response = await fetch(url, init as RequestInit);
    const serverTime = Date.parse(response.headers.get('date') ?? '');
    if (serverTime) serverAheadSeconds = Math.round((serverTime - Date.now()) / 1000);
    return response;
  };
  const discovered = await oauth
    .discovery(server, CLIENT_ID, METADATA, oauth.None(), {
      [oauth.customFetch]: fetchAndReadClock,
      timeout: ANSWER_SECONDS_MAX,
      execute: insecureOnLoopback(server),
    })
    .catch((error: unknown) => {
      throw explainDiscovery(server, error);
    });
  if (Math.abs(serverAheadSeconds) <= CLOCK_DIFFERENCE_SECONDS_MAX) return discovered;
  note(describeClock(serverAheadSeconds));
  const metadata = { ...METADATA, [oauth.clockSkew]: serverAheadSeconds };
  const adjusted = new oauth.Configuration(discovered.serverMetadata(), CLIENT_ID, metadata, oauth.None());
  for (const extension of insecureOnLoopback(server)) extension(adjusted);
  adjusted.timeout = ANSWER_SECONDS_MAX;
  return adjusted;
}

/** Plain HTTP never leaves this computer. */
function insecureOnLoopback(server: URL): ((configuration: oauth.Configuration) => void)[] {
  return isLoopback(server) ? [oauth.allowInsecureRequests] : [];
}

function describeClock(serverAheadSeconds: number): string {
  const difference = Math.abs(serverAheadSeconds);
  const amount = difference < 90 ? `${difference} seconds` : `${Math.round(difference / 60)} minutes`;
  const side = serverAheadSeconds > 0 ? 'slow' : 'fast';
  return `This computer's clock is ${amount} ${side}; that is allowed for here, but set it right, as other services will refuse it.`;
}

function explainDiscovery(server: URL, error: unknown): unknown {
  for (const { cause } of causesOf(error)) {
    // A server that is busy, or a proxy whose server is being started, is the right address all the same.
    if (cause instanceof Response && (cause.status === 429 || cause.status >= 500))
      return new Failure('unavailable', `${server.origin} answered with status ${cause.status}; try again.`, error);
    const { attribute, body } = (cause ?? {}) as { attribute?: string; body?: { issuer?: string } };
    if (attribute === 'issuer' && body?.issuer)
      return new Failure(
        'usage',
        `The server at ${server.origin} calls itself ${body.issuer}: use --server ${body.issuer}.`,
        error,
      );
  }
  if (error instanceof oauth.ClientError && error.code !== 'OAUTH_TIMEOUT')
    return new Failure(
      'unavailable',
      `What answers at ${server.origin} is no Tollgate; name the right address with --server.`,
      error,
    );
  return error;
}
