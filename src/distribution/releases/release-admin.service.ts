import { EntityManager, type FilterQuery, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { timeOf } from '../../common/domain/times.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { arrayOf } from '../../database/array-parameter.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { AppVersion } from '../app-version.entity.js';
import { AppVersionDelivery } from '../app-version-delivery.entity.js';
import { AppVersionNotFoundError, VersionGoesBackwardsError } from '../distribution.errors.js';
import { compareVersions, isVersion } from '../domain/app-version.js';
import { type CountedRelease, type Release, toRelease } from './release.js';
import {
  type AppVersionsQuery,
  type CreateAppVersionRequest,
  etagOfRelease,
  toAppVersionView,
  type UpdateAppVersionRequest,
} from './release.dto.js';
import { withDelivery } from './release.service.js';

type Cause = AuditCause & { ifMatch: string };

/** The releases as an operator makes them. None is deleted, and what was signed under a version stays as it is: only its terms change. */
@Injectable()
export class ReleaseAdminService {
  constructor(
    private readonly em: EntityManager,
    private readonly audit: AuditTrail,
  ) {}

  /** Newest first, drafts too. @throws InvalidRequestError for a cursor that is none */
  async page(query: AppVersionsQuery, now: Date): Promise<{ rows: CountedRelease[]; next: string | null }> {
    const em = this.em.fork();
    const { platform, channel, isPublished, limit, cursor } = query;
    const where: FilterQuery<AppVersion> = {
      ...(platform && { platform }),
      ...(channel && { channel }),
      ...(isPublished === true && { publishedAt: { $lte: now } }),
      ...(isPublished === false && { $or: [{ publishedAt: null }, { publishedAt: { $gt: now } }] }),
      ...beforeId(cursor),
    };
    const found = await em.find(AppVersion, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    const { rows, next } = pageOf(found, limit, ({ id }) => id);
    return { rows: await counted(em, rows), next };
  }

  /** @throws AppVersionNotFoundError */
  async read(id: string): Promise<CountedRelease> {
    const em = this.em.fork();
    const row = await em.findOne(AppVersion, { id });
    if (!row) throw new AppVersionNotFoundError();
    return (await counted(em, [row]))[0]!;
  }

  /** @throws InvalidRequestError, VersionGoesBackwardsError */
  async create(asked: CreateAppVersionRequest, cause: AuditCause, now: Date): Promise<Release> {
    const { version, platform, channel, url, sha256, signature, sizeBytes, rolloutPercent } = asked;
    return this.em.fork().transactional(async (em) => {
      // Two operators at once: the second sees what the first has made.
      await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`app-version:${platform}:${channel}`]);
      await assertNewest(em, asked);
      const row = em.create(AppVersion, {
        id: newId(),
        version,
        platform,
        channel,
        url,
        sha256,
        signature,
        ...termsOf(asked, version),
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(row).flush();
      const delivery = em.create(AppVersionDelivery, {
        appVersionId: row.id,
        rolloutPercent: rolloutPercent ?? 100,
        sizeBytes: sizeBytes ?? null,
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(delivery).flush();
      const release = toRelease(row, delivery);
      await this.record('create', { before: null, after: release }, cause, now);
      return release;
    });
  }

  /** @throws AppVersionNotFoundError, IfMatchRequiredError, StaleEtagError, InvalidRequestError */
  async update(id: string, asked: UpdateAppVersionRequest, cause: Cause, now: Date): Promise<CountedRelease> {
    return this.em.fork().transactional(async (em) => {
      const row = await em.findOne(AppVersion, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!row) throw new AppVersionNotFoundError();
      const delivery =
        (await em.findOne(AppVersionDelivery, { appVersionId: id })) ??
        em.create(AppVersionDelivery, {
          appVersionId: id,
          createdAt: now,
          updatedAt: now,
        });
      const before = toRelease(row, delivery);
      assertIfMatch(cause.ifMatch, etagOfRelease(before));
      em.assign(row, { ...termsOf(asked, row.version), updatedAt: now });
      if (typeof asked.rolloutPercent === 'number')
        em.assign(delivery, { rolloutPercent: asked.rolloutPercent, updatedAt: now });
      await em.persist(delivery).flush();
      await this.record('update', { before, after: toRelease(row, delivery) }, cause, now);
      return (await counted(em, [row]))[0]!;
    });
  }

  private record(
    action: string,
    { before, after }: { before: Release | null; after: Release },
    cause: AuditCause,
    now: Date,
  ): Promise<void> {
    const change = {
      action: `app_version.${action}`,
      entity: 'app_version',
      entityId: after.id,
      before: before && toAppVersionView(before),
      after: toAppVersionView(after),
    };
    return this.audit.record(change, cause, now);
  }
}

async function assertNewest(em: EntityManager, { version, platform, channel }: CreateAppVersionRequest): Promise<void> {
  const rows = await em.find(AppVersion, { platform, channel }, { fields: ['version'] });
  const newer = rows
    .map((row) => row.version)
    .filter((other) => isVersion(other) && compareVersions(other, version) >= 0);
  const newest = newer.toSorted(compareVersions).at(-1);
  if (newest !== undefined) throw new VersionGoesBackwardsError(newest);
}

/** The members of a request that are columns of the release; one that is left out stays as it is. */
function termsOf({ minSupportedVersion, notes, publishedAt }: UpdateAppVersionRequest, version: string) {
  if (minSupportedVersion && compareVersions(minSupportedVersion, version) > 0) {
    throw InvalidRequestError.of([{ field: 'minSupportedVersion', message: `must not be newer than ${version}` }]);
  }
  return {
    ...(minSupportedVersion !== undefined && { minSupportedVersion }),
    ...(notes !== undefined && { notes }),
    ...(publishedAt !== undefined && { publishedAt: publishedAt === null ? null : timeOf(publishedAt) }),
  };
}

async function counted(em: EntityManager, rows: readonly AppVersion[]): Promise<CountedRelease[]> {
  const releases = await withDelivery(em, rows);
  const counts = await em.execute<{ id: string; count: string }[]>(
    'select app_version_id as id, count(*) as count from downloads where app_version_id = any(?::uuid[]) group by 1',
    [arrayOf(releases.map(({ id }) => id))],
  );
  const byId = new Map(counts.map(({ id, count }) => [id, Number(count)]));
  return releases.map((release) => ({ release, downloadCount: byId.get(release.id) ?? 0 }));
}
