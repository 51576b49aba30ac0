import type { MikroORM } from '@mikro-orm/postgresql';
import type { Config } from '../src/config/config.js';
import { seedAnalysisKinds } from './analysis-kinds.seeder.js';
import { seedOAuthClients } from './clients.seeder.js';
import { seedGenerationPrompts } from './generation-prompts.seeder.js';
import { seedModels } from './models.seeder.js';
import { seedPlans } from './plans.seeder.js';

/** Plans, clients, models and prompts: what every installation begins with. Idempotent; an operator's own changes stay. */
export async function seedCatalogue(orm: MikroORM, config: Config): Promise<void> {
  await seedPlans(orm.em.fork(), { now: new Date() });
  await seedOAuthClients(orm.em.fork(), config.publicUrl);
  await seedModels(orm.em.fork(), { sandbox: config.sandbox, now: new Date() });
  await seedGenerationPrompts(orm.em.fork(), new Date());
  await seedAnalysisKinds(orm.em.fork(), { now: new Date() });
}
