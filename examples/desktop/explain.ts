import { APIError } from 'openai';
import { causesOf, Failure } from './failure.js';

/** What the server tells beside the code, by code. All of it is optional: the server may be newer than this client. */
interface Details {
  needed?: string;
  available?: string;
  largestMaxTokens?: number | null;
  nextGrantAt?: string | null;
  model?: string;
  violations?: { parameter: string; value: unknown; reason: string; suggestion: string }[];
  credits_charged?: string;
}

/** OpenAI's envelope has a message and details, RFC 9457's problem a detail. */
interface RefusalBody {
  message?: string;
  detail?: string;
  details?: Details;
}

/** Whatever went wrong, as one sentence with the way out. */
export function explain(error: unknown, server: URL): Failure {
  for (const cause of causesOf(error)) {
    if (cause instanceof Failure) return cause;
    if (cause instanceof APIError && cause.code) return explainRefusal(cause);
    const unreachable = explainUnreachable(String(cause.code), server);
    if (unreachable) return new Failure('unavailable', unreachable, error);
    if (cause.name === 'TimeoutError')
      return new Failure('unavailable', `${server.origin} took too long to answer; try again.`, error);
  }
  const [outermost] = causesOf(error);
  if (outermost instanceof APIError && outermost.status !== undefined)
    return new Failure('unavailable', `${server.origin} answered with status ${outermost.status}; try again.`, error);
  const isBroken = outermost instanceof APIError || outermost?.message === 'terminated';
  if (isBroken) return new Failure('unavailable', `The connection to ${server.origin} broke off; try again.`, error);
  return new Failure('unknown', `${outermost?.message ?? String(error)} (DEBUG=1 shows where)`, error);
}

const NETWORK_CODES = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_\w+)$/;
const CERTIFICATE_CODES =
  /^(CERT_\w+|ERR_TLS_\w+|ERR_SSL_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/;

function explainUnreachable(code: string, { origin }: URL): string | null {
  if (NETWORK_CODES.test(code))
    return `No Tollgate answers at ${origin} (${code}): start it with npm start, or name another with --server.`;
  if (CERTIFICATE_CODES.test(code))
    return `The certificate of ${origin} is not to be trusted (${code}): ask the operator of that server.`;
  return null;
}

function explainRefusal(error: APIError): Failure {
  const { message, detail, details = {} } = error.error as RefusalBody;
  const serverSays = message ?? detail ?? error.message;
  switch (String(error.code)) {
    case 'insufficient_credits':
      return new Failure('refused', explainCredits(details) ?? serverSays, error);
    case 'parameter_constraint_violation':
      return new Failure('refused', explainViolations(details) ?? serverSays, error);
    case 'model_not_found':
      return new Failure(
        'refused',
        'The server has no model of that name: --models lists those that you may use.',
        error,
      );
    case 'insufficient_scope':
      return new Failure(
        'refused',
        'This sign-in may not do that: confirm your e-mail address by the link in the mail, then --sign-out and sign in again.',
        error,
      );
    case 'invalid_token':
      return new Failure(
        'signIn',
        'The server does not take this sign-in any more: --sign-out, then start again.',
        error,
      );
    default: {
      const charged = details.credits_charged
        ? ` What came was charged: ${formatCredits(details.credits_charged)} credits.`
        : '';
      return new Failure((error.status ?? 500) < 500 ? 'refused' : 'unavailable', `${serverSays}${charged}`, error);
    }
  }
}

function explainCredits({ needed, available, largestMaxTokens, nextGrantAt }: Details): string | null {
  if (needed === undefined || available === undefined) return null;
  const shortage = `This may cost up to ${formatCredits(needed)} credits and you have ${formatCredits(available)}`;
  if (largestMaxTokens) return `${shortage}: ask for a shorter answer with --set max_tokens=${largestMaxTokens}.`;
  if (nextGrantAt) return `${shortage}: the next credits come on ${formatDay(nextGrantAt)}.`;
  return `${shortage}: more come with a purchase or a grant.`;
}

/** All that has to change at once, or the next attempt would find the next fault. */
function explainViolations({ model, violations }: Details): string | null {
  if (!violations?.length) return null;
  const faults = violations.map(
    ({ parameter, value, reason, suggestion }) =>
      `${parameter} ${JSON.stringify(value)} (${withoutStop(reason)}; ${withoutStop(suggestion)})`,
  );
  return `The model ${model ?? ''} does not take ${faults.join(' and ')}.`;
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

/** `12.500000` as `12.5`. */
export function formatCredits(amount: string): string {
  return amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount;
}

function formatDay(time: string): string {
  return new Date(time).toLocaleDateString('en', { dateStyle: 'long', timeZone: 'UTC' });
}
