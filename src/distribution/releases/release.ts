import type { AppVersion } from '../app-version.entity.js';
import type { AppVersionDelivery } from '../app-version-delivery.entity.js';
import type { ReleaseTerms } from '../domain/update-offer.js';

/** A release with how it is delivered: the two rows as one. */
export interface Release extends ReleaseTerms {
  platform: string;
  channel: string;
  url: string;
  sha256: string;
  signature: string;
  sizeBytes: number | null;
  notes: string | null;
  publishedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface CountedRelease {
  release: Release;
  downloadCount: number;
}

/** @param delivery none for a release from before there was one */
export function toRelease(row: AppVersion, delivery: AppVersionDelivery | undefined): Release {
  const { id, version, platform, channel, url, sha256, signature, createdAt } = row;
  const changes = [row.updatedAt, delivery?.updatedAt ?? row.updatedAt];
  return {
    id,
    version,
    platform,
    channel,
    url,
    sha256,
    signature,
    sizeBytes: delivery?.sizeBytes ?? null,
    minSupportedVersion: row.minSupportedVersion ?? null,
    rolloutPercent: delivery?.rolloutPercent ?? 100,
    notes: row.notes ?? null,
    publishedAt: row.publishedAt ?? null,
    createdAt,
    updatedAt: new Date(Math.max(...changes.map((change) => change.getTime()))),
  };
}
