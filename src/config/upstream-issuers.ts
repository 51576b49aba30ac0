/** An OpenID provider elsewhere at which people may sign in. */
export interface UpstreamIssuer {
  /** In paths and in the address that is registered there, e.g. `google`. */
  name: string;
  /** On buttons. */
  label: string;
  /** As its discovery document says, to the last slash. */
  issuer: string;
  clientId: string;
  /** Null for a public client, which PKCE alone protects. */
  clientSecret: string | null;
}

const ISSUER_VARIABLE = /^UPSTREAM_([A-Z][A-Z0-9]*)_ISSUER$/;
const UPSTREAM_VARIABLE = /^(UPSTREAM_(.+))_(?:ISSUER|CLIENT_ID|CLIENT_SECRET|LABEL)$/;
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/**
 * The providers that the environment names: `UPSTREAM_<NAME>_ISSUER`, `_CLIENT_ID`, `_CLIENT_SECRET` and `_LABEL`. What makes one unusable is told
 * by {@link upstreamFaults}.
 */
export function readUpstreamIssuers(source: Record<string, string | undefined>): ReadonlyMap<string, UpstreamIssuer> {
  const issuers = variablesIn(source).map((prefix) => {
    const capitals = prefix.slice('UPSTREAM_'.length);
    const name = capitals.toLowerCase();
    return {
      name,
      label: source[`${prefix}_LABEL`] || capitals[0]! + name.slice(1),
      issuer: source[`${prefix}_ISSUER`]!,
      clientId: source[`${prefix}_CLIENT_ID`] ?? '',
      clientSecret: source[`${prefix}_CLIENT_SECRET`] || null,
    };
  });
  return new Map(issuers.map((issuer) => [issuer.name, issuer]));
}

/** Every fault of the variables, with the variable: also those of which no provider would be made, and nobody would be told. */
export function upstreamFaults(source: Record<string, string | undefined>): string[] {
  const stray = Object.keys(source).flatMap((variable) => {
    const [, prefix, name] = UPSTREAM_VARIABLE.exec(variable) ?? [];
    if (!prefix || !name || !source[variable]) return [];
    if (!/^[A-Z][A-Z0-9]*$/.test(name)) return [`${variable}: the name ${name} must have letters and digits alone`];
    return source[`${prefix}_ISSUER`] ? [] : [`${prefix}_ISSUER: is required with ${variable}`];
  });
  const used = variablesIn(source).flatMap((prefix) => {
    const faults: string[] = [];
    if (!isPrivateAddress(source[`${prefix}_ISSUER`]!)) {
      faults.push(`${prefix}_ISSUER: must be an https URL such as https://accounts.google.com`);
    }
    if (!source[`${prefix}_CLIENT_ID`]) {
      faults.push(
        `${prefix}_CLIENT_ID: is required with ${prefix}_ISSUER: the id that the provider gave this installation`,
      );
    }
    return faults;
  });
  return [...stray, ...used];
}

function variablesIn(source: Record<string, string | undefined>): string[] {
  const named = Object.keys(source).filter((variable) => source[variable] && ISSUER_VARIABLE.test(variable));
  return named.map((variable) => variable.slice(0, -'_ISSUER'.length));
}

/** Whether nobody on the way can read or change what it says. */
function isPrivateAddress(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK_HOSTS.includes(url.hostname));
}
