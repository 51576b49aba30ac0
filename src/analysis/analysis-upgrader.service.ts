import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { WorkQueues } from '../jobs/queue/work-queues.service.js';
import { UPGRADES_QUEUE } from './analysis-queue.js';
import { AnalysisUpgrade } from './analysis-upgrade.service.js';
import { UpgradeEndings } from './upgrade-endings.service.js';

/** Nobody waits for a better answer as for the first. */
const CONCURRENCY = 4;
const RUN_SECONDS_MAX = 1_300;

/** Has models answer after all what rules had to answer. */
@Injectable()
export class AnalysisUpgrader implements OnModuleInit {
  constructor(
    private readonly queues: WorkQueues,
    private readonly upgrade: AnalysisUpgrade,
    private readonly endings: UpgradeEndings,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.queues.register({
      name: UPGRADES_QUEUE,
      concurrency: CONCURRENCY,
      runSecondsMax: RUN_SECONDS_MAX,
      handle: ({ id }) => this.run(id),
    });
  }

  private async run(id: string): Promise<void> {
    const seen = await this.endings.find(id);
    if (!seen?.fallbackUsed || seen.upgradedFromFallback || !seen.fallbackMetadata?.upgradeUntil) return;
    // An earlier worker died between the answer and its charge.
    if (seen.answer) await this.endings.charged(seen, seen.answer);
    else if (new Date(seen.fallbackMetadata.upgradeUntil) <= this.clock.now()) await this.endings.givenUp(seen);
    else await this.upgrade.make(seen);
  }
}
