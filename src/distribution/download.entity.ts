import { defineEntity, p } from '@mikro-orm/core';
import { AppVersion } from './app-version.entity.js';

const DownloadSchema = defineEntity({
  name: 'Download',
  tableName: 'downloads',
  properties: {
    id: p.uuid().primary(),
    appVersion: () => p.manyToOne(AppVersion).ref().nullable().deleteRule('set null').index(),
    platform: p.text(),
    channel: p.text(),
    userAgent: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** One download of a release, counted. */
export class Download extends DownloadSchema.class {}
DownloadSchema.setClass(Download);
