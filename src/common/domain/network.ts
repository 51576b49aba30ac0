/** How many of the eight groups of an IPv6 address name the network: what one line to the internet is given. */
const NETWORK_GROUPS = 4;

/** Who is counted as one sender: an IPv4 address, or the /64 network of an IPv6 address, all of which one person can use. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const mapped = after.at(-1);
  if (mapped?.includes('.')) return mapped;
  const between = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: between }, () => '0'), ...after];
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.toLowerCase().split(':');
}
