/** A provider's refusal in its own words. */
export interface Refusal {
  /** The codes that servers of OpenAI's format put beside the message. */
  code?: unknown;
  type?: unknown;
  message: string;
  /** It is about what the caller wrote, whatever the status says. */
  isFlagged?: boolean;
}

const CODES: ReadonlySet<unknown> = new Set([
  'access_terminated',
  'account_deactivated',
  'billing_error',
  'billing_hard_limit_reached',
  'billing_not_active',
  'insufficient_balance',
  'insufficient_quota',
  'invalid_api_key',
  'organization_deactivated',
  'organization_restricted',
]);

/** How Anthropic, Google and others begin to say it where they have no code for it. */
const BEGINNINGS = [
  'your credit balance is too low',
  'you have reached your specified (?:workspace )?api usage limits',
  '(?:(?:this|your) )?(?:organization|workspace|project|account) (?:has been|is) (?:deactivated|disabled|restricted|suspended)',
  'billing hard limit',
  'api key (?:expired|not found|not valid)',
  '(?:incorrect|invalid) api key',
  'user location is not supported',
  'gemini api free tier',
  'this api method requires billing',
];
const BEGINNING = new RegExp(`^(?:${BEGINNINGS.join('|')})`, 'i');

/**
 * Whether a refusal is about the operator's account with the provider, though its status blames the request: nothing a caller could mend, and
 * nothing that is a caller's to read. Only how a message begins is looked at, because what follows may repeat what the caller wrote.
 */
export function isAccountTrouble({ code, type, message }: Refusal): boolean {
  return CODES.has(code) || CODES.has(type) || BEGINNING.test(message);
}
