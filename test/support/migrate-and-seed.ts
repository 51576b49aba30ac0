import { MikroORM } from '@mikro-orm/postgresql';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { migrateAndSeedCatalogue } from '../../src/prepare-database.js';
import { testConfig } from './test-config.js';

/** Brings an empty database to what a first start has, without the development users. */
export async function migrateAndSeed(url: string): Promise<void> {
  const config = testConfig({ DATABASE_URL: url });
  const orm = await MikroORM.init(ormOptions(url, config, false));
  try {
    await migrateAndSeedCatalogue(orm, config);
  } finally {
    await orm.close();
  }
}
