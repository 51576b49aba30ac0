import { MikroORM } from '@mikro-orm/postgresql';
import type { Config } from '../config/config.js';
import { ormOptions } from '../mikro-orm.config.js';

/**
 * Runs `work` past a transaction pooler and without the time limit of request traffic: filling a column of a large table takes longer than
 * any request may.
 */
export async function withMaintenanceOrm<Result>(
  config: Config,
  work: (orm: MikroORM) => Promise<Result>,
): Promise<Result> {
  const orm = await MikroORM.init(ormOptions((config.databaseDirectUrl ?? config.databaseUrl)!, config, false));
  try {
    return await work(orm);
  } finally {
    await orm.close();
  }
}
