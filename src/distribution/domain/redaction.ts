export const REDACTED = '[redacted]';

/** A member of this name holds a secret, whatever it looks like. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)|pwd|secret|token$|authori[sz]ation|cookie|(?:api|access|private)[-_]?key|credential|session[-_]?id/i;

/** After the name of a secret in a text, also in JSON within JSON: what its value begins after. */
const ASSIGNED = String.raw`\\{0,3}["']?\s{0,3}[=:]\s{0,3}\\{0,3}["']?`;
/** A value in quotes ends with them, whatever is in it, also a quote that is escaped; where those around it are, with the next of any kind. */
const QUOTED = ['"', "'"]
  .map((quote) => String.raw`(?<=\\${quote})[^${quote}\r\n]+|(?<=${quote})(?:[^${quote}\\\r\n]|\\.)+`)
  .join('|');

/**
 * What is never kept, wherever it stands in a text; a first group is kept before it. Each begins where a run of its own characters begins, so
 * that every character is looked at a fixed number of times: what people send has up to five million of them.
 */
const SECRETS: readonly RegExp[] = [
  /()-----BEGIN [A-Z ]{1,40}-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]{1,40}-----)?/g,
  // Three parts of base64url: an access token, an ID token, a DPoP proof.
  /()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g,
  // Keys that say what they are: ours, those of providers and of code hosts.
  /()(?<![A-Za-z0-9_-])(?:tg_|sk-|sk_|pk_|rk_|gh[pousr]_|github_pat_|xox[abps]-|AKIA|AIza|whsec_)[A-Za-z0-9_-]{12,}/g,
  /\b((?:Bearer|Basic|DPoP)\s{1,3})[A-Za-z0-9._~+/=-]{8,}/gi,
  // Of these the value has spaces and semicolons, and ends with its line.
  new RegExp(String.raw`((?:authori[sz]ation|cookie)${ASSIGNED})(?:${QUOTED}|[^"'\r\n][^\r\n]*)`, 'gi'),
  new RegExp(
    String.raw`((?:password|passwd|passphrase|pwd|secret|token|(?:api|access|private|secret)[-_]?key)${ASSIGNED})(?:${QUOTED}|[^\s"'&,;<>]+)`,
    'gi',
  ),
  // User and password in an address.
  /(:\/\/)[^\s/@:]{1,256}:[^\s/@]{1,256}(?=@)/g,
  // Mail addresses, also as they are written in a URL.
  /()(?<![^\s@<>"(),;:])[^\s@<>"(),;:]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}/gu,
];

/** Text without secrets, tokens and mail addresses, and fit to be stored. */
export function redactText(text: string): string {
  return SECRETS.reduce((rest, secret) => rest.replace(secret, `$1${REDACTED}`), text.toWellFormed());
}

/**
 * A JSON value without secrets, tokens and mail addresses, in its values and in its names. Numbers and switches stay: how many tokens there
 * were is no token. The value must be shallow, see `findExcess`.
 */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value))
    return value.map((item, index) => (isNamedBy(value[index - 1]) ? hidden(item) : redact(item)));
  if (typeof value !== 'object' || value === null) return value;
  const isNamed = NAMES.some((name) => isNamedBy((value as Record<string, unknown>)[name]));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      redactText(name),
      SECRET_NAME.test(name) || (isNamed && name === 'value') ? hidden(member) : redact(member),
    ]),
  );
}

/** Where a list of headers has the name of each, as in an HTTP archive. */
const NAMES = ['name', 'key'];

/** Whether what comes after `name` in a list, or beside it, is a secret by that name. */
function isNamedBy(name: unknown): boolean {
  return typeof name === 'string' && /^[\w-]{1,64}$/.test(name) && SECRET_NAME.test(name);
}

function hidden(member: unknown): unknown {
  return holdsText(member) ? REDACTED : redact(member);
}

function holdsText(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}
