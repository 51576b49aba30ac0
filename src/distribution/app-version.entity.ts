import { defineEntity, p } from '@mikro-orm/core';

const AppVersionSchema = defineEntity({
  name: 'AppVersion',
  tableName: 'app_versions',
  uniques: [{ name: 'app_versions_platform_channel_version_unique', properties: ['platform', 'channel', 'version'] }],
  properties: {
    id: p.uuid().primary(),
    version: p.text(),
    platform: p.text(),
    channel: p.text(),
    url: p.text(),
    sha256: p.text(),
    signature: p.text(),
    minSupportedVersion: p.text().nullable(),
    notes: p.text().nullable(),
    publishedAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** One release of the desktop app on one platform and channel. */
export class AppVersion extends AppVersionSchema.class {}
AppVersionSchema.setClass(AppVersion);
