/** What the app runs on. The name is the operating system and the processor. */
export const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'windows-x64',
  'windows-arm64',
  'linux-x64',
  'linux-arm64',
] as const;
export type Platform = (typeof PLATFORMS)[number];

export const CHANNELS = ['stable', 'beta', 'alpha'] as const;
export type Channel = (typeof CHANNELS)[number];

/** Longer than any version that a person reads. */
export const VERSION_LENGTH_MAX = 64;

const IDENTIFIER = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
/**
 * Semantic Versioning 2.0 without build metadata: two builds of one version have no order, so no updater could tell them apart. Nine digits
 * to a number keep every comparison exact.
 */
export const VERSION_PATTERN = new RegExp(
  `^(0|[1-9]\\d{0,8})\\.(0|[1-9]\\d{0,8})\\.(0|[1-9]\\d{0,8})(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?$`,
);

export function isVersion(text: string): boolean {
  return text.length <= VERSION_LENGTH_MAX && VERSION_PATTERN.test(text);
}

/**
 * The order of two versions: negative when `left` is older, 0 when they are the same (Semantic Versioning 2.0, section 11).
 * @throws Error for text that is no version
 */
export function compareVersions(left: string, right: string): number {
  const [leftCore, leftLabels] = partsOf(left);
  const [rightCore, rightLabels] = partsOf(right);
  for (const [index, number] of leftCore.entries()) {
    const difference = number - rightCore[index]!;
    if (difference !== 0) return difference;
  }
  // A release is newer than every one that came before it under a label.
  if (leftLabels.length === 0 || rightLabels.length === 0) return rightLabels.length - leftLabels.length;
  return compareLabels(leftLabels, rightLabels);
}

function partsOf(version: string): [number[], string[]] {
  const [, major, minor, patch, labels] = VERSION_PATTERN.exec(version) ?? [];
  if (major === undefined) throw new Error('this is no version');
  return [[Number(major), Number(minor), Number(patch)], labels?.split('.') ?? []];
}

function compareLabels(left: readonly string[], right: readonly string[]): number {
  for (const [index, label] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareLabel(label, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers by value, and before all words; words by their characters. */
function compareLabel(left: string, right: string): number {
  if (left === right) return 0;
  const isNumber = /^\d+$/.test(left);
  if (isNumber !== /^\d+$/.test(right)) return isNumber ? -1 : 1;
  if (isNumber && left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : 1;
}
