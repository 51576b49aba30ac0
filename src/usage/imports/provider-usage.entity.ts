import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../auth/identity/user.entity.js';

export const ProviderUsageImportSchema = defineEntity({
  name: 'ProviderUsageImport',
  tableName: 'provider_usage_imports',
  properties: {
    id: p.uuid().primary(),
    provider: p.text(),
    shape: p.text(),
    /** In hexadecimal digits: the same file is taken once. */
    fileSha256: p.text(),
    rowCount: p.integer(),
    firstDay: p.date(),
    lastDay: p.date(),
    importedBy: () => p.manyToOne(User).mapToPk().fieldName('imported_by').nullable().deleteRule('set null').index(),
    createdAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [{ name: 'provider_usage_imports_provider_file_sha256_unique', properties: ['provider', 'fileSha256'] }],
});

/** One file of a provider's own usage or cost report. */
export class ProviderUsageImport extends ProviderUsageImportSchema.class {}
ProviderUsageImportSchema.setClass(ProviderUsageImport);

export const ProviderUsageDaySchema = defineEntity({
  name: 'ProviderUsageDay',
  tableName: 'provider_usage_days',
  properties: {
    provider: p.text().primary(),
    day: p.date().primary(),
    /** As the catalogue names it to the provider, where it has it; else as the file does. */
    model: p.text().primary(),
    requests: p.bigint().nullable(),
    inputTokens: p.bigint().nullable(),
    outputTokens: p.bigint().nullable(),
    costNusd: p.bigint().nullable(),
  },
});

/** What a provider says of one day and model; a figure that no file had is null. */
export class ProviderUsageDay extends ProviderUsageDaySchema.class {}
ProviderUsageDaySchema.setClass(ProviderUsageDay);
