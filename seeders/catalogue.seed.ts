import type { MikroORM } from '@mikro-orm/postgresql';
import type { Config } from '../src/config/config.js';

/** Plans, clients and models: what every installation begins with. Idempotent; an operator's own changes stay. */
export async function seedCatalogue(_orm: MikroORM, _config: Config): Promise<void> {}
