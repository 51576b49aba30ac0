import type { MikroORM } from '@mikro-orm/postgresql';

/** The connections of this process. */
export interface PoolState {
  used: number;
  idle: number;
  /** Who waits for one. */
  waiting: number;
}

export async function poolStateOf(orm: MikroORM): Promise<PoolState> {
  const { totalCount, idleCount, waitingCount } = await orm.em.getConnection().getNativeClient();
  return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}
