import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { ATTEMPT_SECONDS_MAX, UPGRADES_QUEUE } from '../attempts/analysis-queues.js';
import { awaitsUpgrade } from '../analysis.entity.js';
import { UpgradeAttempt } from './upgrade-attempt.service.js';
import { UpgradeEndings } from './upgrade-endings.service.js';

/** Nobody waits for a better answer as for the first. */
const CONCURRENCY = 4;

/** Has models answer after all what rules had to answer. */
@Injectable()
export class UpgradeWorker implements OnModuleInit {
  constructor(
    private readonly queues: WorkQueues,
    private readonly upgrade: UpgradeAttempt,
    private readonly endings: UpgradeEndings,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.queues.register({
      name: UPGRADES_QUEUE,
      concurrency: CONCURRENCY,
      runSecondsMax: ATTEMPT_SECONDS_MAX,
      handle: ({ id }) => this.run(id),
    });
  }

  private async run(id: string): Promise<void> {
    const seen = await this.endings.find(id);
    if (!seen || !awaitsUpgrade(seen)) return;
    // An earlier worker died between the answer and its charge.
    if (seen.answer) await this.endings.takenOver(seen);
    else if (new Date(seen.fallbackMetadata!.upgradeUntil!) <= this.clock.now()) await this.endings.givenUp(seen);
    else await this.upgrade.make(seen);
  }
}
