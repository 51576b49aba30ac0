import { compareVersions } from './app-version.js';

/** What decides whether a release is offered. */
export interface ReleaseTerms {
  id: string;
  version: string;
  minSupportedVersion: string | null;
  /** Of installations, from 0 to 100. */
  rolloutPercent: number;
}

/** What an installation tells of itself. */
export interface Installation {
  /** Chosen by the app once and kept; without it only releases that everyone gets are offered. */
  id?: string | undefined;
  /** What runs there now. */
  version?: string | undefined;
}

export interface UpdateOffer<Release extends ReleaseTerms> {
  /** The newest that this installation may have; null where none is published to it. */
  release: Release | null;
  isUpdate: boolean;
  /** False where what runs there is older than the release supports: the app should insist on the update. */
  isSupported: boolean;
}

/**
 * Which of the published releases an installation is offered. One that has a newer release already, from a roll-out that was taken back, is
 * never offered an older one.
 */
export function offerFor<Release extends ReleaseTerms>(
  published: readonly Release[],
  { id, version }: Installation,
): UpdateOffer<Release> {
  const open = published.filter((release) => isOpenTo(release, id));
  const release = open.reduce<Release | null>(
    (newest, other) => (newest === null || compareVersions(other.version, newest.version) > 0 ? other : newest),
    null,
  );
  const minimum = release?.minSupportedVersion ?? null;
  return {
    release,
    isUpdate: release !== null && (version === undefined || compareVersions(release.version, version) > 0),
    isSupported: version === undefined || minimum === null || compareVersions(version, minimum) >= 0,
  };
}

/** The same installation always gets the same answer, and one more percent takes nobody out again. */
export function isOpenTo({ id, rolloutPercent }: ReleaseTerms, installationId: string | undefined): boolean {
  if (rolloutPercent >= 100) return true;
  return installationId !== undefined && percentileOf(`${id}:${installationId}`) < rolloutPercent;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A place from 0 to 99 that only depends on the text: FNV-1a, mixed once more so that texts that differ at their end are spread too. */
function percentileOf(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % 100;
}
