import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Notifications } from '../../database/notifications.js';
import { Analysis } from '../analysis.entity.js';
import { AnalysisCancelledError } from '../analysis.errors.js';

const CHANNEL = 'tollgate_cancelled_analyses';

/** Tells the process that works on an analysis that its user has called it off. The row is what counts: the notice is a hint to look. */
@Injectable()
export class AnalysisCancellations implements OnApplicationBootstrap {
  private readonly underWay = new Map<string, AbortController>();

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.notifications.listen(CHANNEL, (id) => void this.look(id === '' ? [...this.underWay.keys()] : [id]));
  }

  /** In the transaction that writes it into the row. */
  async tell(em: EntityManager, id: string): Promise<void> {
    await em.execute('select pg_notify(?, ?)', [CHANNEL, id]);
  }

  /** Does `work` with a signal that aborts when the analysis is called off from now on. Read the row within `work`: it tells of what was before. */
  async watched(id: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const controller = new AbortController();
    this.underWay.set(id, controller);
    try {
      await work(controller.signal);
    } finally {
      if (this.underWay.get(id) === controller) this.underWay.delete(id);
    }
  }

  private async look(ids: readonly string[]): Promise<void> {
    const watched = ids.filter((id) => this.underWay.has(id));
    if (watched.length === 0) return;
    const where = { id: { $in: watched }, cancelRequestedAt: { $ne: null } };
    const cancelled = await this.em
      .fork()
      .find(Analysis, where, { fields: ['id'] })
      .catch(() => []);
    for (const { id } of cancelled) this.underWay.get(id)?.abort(new AnalysisCancelledError());
  }
}
