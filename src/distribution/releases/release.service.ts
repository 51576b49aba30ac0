import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { AppVersion } from '../app-version.entity.js';
import { AppVersionDelivery } from '../app-version-delivery.entity.js';
import { AppVersionNotFoundError } from '../distribution.errors.js';
import { type Channel, compareVersions, isVersion, type Platform } from '../domain/app-version.js';
import { type Installation, offerFor, type UpdateOffer } from '../domain/update-offer.js';
import { Download } from '../download.entity.js';
import { type Release, toRelease } from './release.js';
import type { ReleasesQuery } from './release.dto.js';

/** Releases that an update is chosen from. Versions only go forwards, so whatever is older than these is never the newest. */
const CANDIDATES_MAX = 50;
/** Browsers' are a few hundred characters long; what a sender makes up is cut. */
const USER_AGENT_LENGTH_MAX = 512;

export interface Target {
  platform: Platform;
  channel: Channel;
}

/** The releases of the desktop app as the app sees them: those that are published. */
@Injectable()
export class ReleaseService {
  constructor(private readonly em: EntityManager) {}

  /** What an installation is offered now. */
  async latest(target: Target, installation: Installation, now: Date): Promise<UpdateOffer<Release>> {
    return offerFor(await this.candidates(target, now), installation);
  }

  /** The newest that is published, however far it is rolled out; null where nothing is. */
  async newest(target: Target, now: Date): Promise<Release | null> {
    const releases = await this.candidates(target, now);
    return releases.toSorted((one, other) => compareVersions(one.version, other.version)).at(-1) ?? null;
  }

  private async candidates({ platform, channel }: Target, now: Date): Promise<Release[]> {
    const em = this.em.fork();
    const where = { platform, channel, publishedAt: { $lte: now } };
    const rows = await em.find(AppVersion, where, {
      orderBy: { createdAt: 'desc', id: 'desc' },
      limit: CANDIDATES_MAX,
    });
    // An older back office may have named releases otherwise; those have no order.
    return withDelivery(
      em,
      rows.filter(({ version }) => isVersion(version)),
    );
  }

  /** What is published, newest first. @throws InvalidRequestError for a cursor that is none */
  async page(
    { platform, channel, limit, cursor }: ReleasesQuery,
    now: Date,
  ): Promise<{ rows: Release[]; next: string | null }> {
    const em = this.em.fork();
    const where: FilterQuery<AppVersion> = {
      publishedAt: { $lte: now },
      ...(platform && { platform }),
      ...(channel && { channel }),
      ...beforeId(cursor),
    };
    const rows = await em.find(AppVersion, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(await withDelivery(em, rows), limit, ({ id }) => id);
  }

  /** @throws AppVersionNotFoundError where that version is not published there */
  async countDownload(
    target: Target,
    version: string,
    download: { userAgent: string | undefined; now: Date },
  ): Promise<void> {
    const em = this.em.fork();
    const { platform, channel } = target;
    const { userAgent, now } = download;
    const row = await em.findOne(AppVersion, { platform, channel, version, publishedAt: { $lte: now } });
    if (!row) throw new AppVersionNotFoundError();
    await em.insert(Download, {
      id: newId(),
      appVersion: row.id,
      platform,
      channel,
      userAgent: userAgent?.slice(0, USER_AGENT_LENGTH_MAX) ?? null,
      createdAt: now,
    });
  }
}

/** The rows with how each is delivered, in their order. */
export async function withDelivery(em: EntityManager, rows: readonly AppVersion[]): Promise<Release[]> {
  const found = await em.find(AppVersionDelivery, { appVersionId: { $in: rows.map(({ id }) => id) } });
  const byId = new Map(found.map((delivery) => [delivery.appVersionId, delivery]));
  return rows.map((row) => toRelease(row, byId.get(row.id)));
}
