import { BlockList, isIP, type LookupFunction } from 'node:net';

/** What is not the public internet: this machine, private and link-local networks, and what is reserved (RFC 6890). */
const PRIVATE_RANGES = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const;

const blocked = new BlockList();
for (const [network, prefix] of PRIVATE_RANGES) {
  blocked.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4');
}

/** Names that stand for this machine or for its own network wherever they are asked for. */
const PRIVATE_NAMES = /^(localhost|.*\.(localhost|local|internal|intranet|lan|home|corp|private|home\.arpa))\.?$/i;

/** Whether an address is one that everyone on the internet may be sent to. IPv4 in IPv6 clothing is judged as IPv4. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const mapped = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isPublicAddress(mapped);
  return !blocked.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Why a URL's host cannot be one of the public internet, as far as its name alone tells; null if it can. URL parsing has already made of
 * every spelling of an IPv4 address the usual one.
 */
export function privateHostFault(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const isPrivate = isIP(bare) === 0 ? PRIVATE_NAMES.test(bare) || !bare.includes('.') : !isPublicAddress(bare);
  return isPrivate ? 'must be an address of the public internet' : null;
}

/** A name that leads to an address which is not public. */
export class PrivateAddressError extends Error {}

/**
 * A look-up of names for connections that may lead to the public internet alone: it judges what a name leads to when the connection is made,
 * so that no name can be made to lead elsewhere after it was judged.
 */
export function guardedLookup({
  lookup,
  isAllowed = isPublicAddress,
}: {
  lookup: LookupFunction;
  isAllowed?: (address: string) => boolean;
}): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const addresses = Array.isArray(found) ? found : [{ address: found, family: found.includes(':') ? 6 : 4 }];
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isAllowed(address))) {
        return callback(new PrivateAddressError(hostname), '', 0);
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}
