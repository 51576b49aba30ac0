import { migrateAndSeedCatalogue } from '../../src/prepare-database.js';
import { testConfig } from './test-config.js';

/** Brings an empty database to what a first start has, without the development users. */
export async function migrateAndSeed(url: string): Promise<void> {
  await migrateAndSeedCatalogue(testConfig({ DATABASE_URL: url }));
}
