import type { Tier } from '../common/domain/tiers.js';
import { InsufficientCreditsError } from '../credits/credits.errors.js';
import { newId } from '../common/ids.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import type { MeteringService } from '../usage/metering.service.js';
import { eachOf, type Outcomes } from './outcomes.js';
import type { Person } from './people.js';

/** Requests of one person in a month, on average, spread over two times of each day. */
export const REQUESTS_PER_MONTH = 8;
const SLOTS_PER_MONTH = 61;
/** Members that wait for a batch at once: enough that each is full, fewer than are let wait. */
const WIDTH = 512;
const HOLD_MS = 600_000;
/** A stream that lives through the night, and with luck through the end of its period. */
const LONG_HOLD_MS = 36 * 3_600_000;
/** A hold is an upper bound: this much more than the usual cost. */
const BOUND_FACTOR = 1.4;
const INPUT_SHARE = 0.7;

const MONTHLY_CREDITS: Record<Tier, number> = { free: 100, pro: 2_000, pro_max: 10_000, enterprise: 100_000 };

type Ending = 'partial' | 'exact' | 'over' | 'void' | 'long' | 'late' | 'lost';
const ENDINGS: readonly (readonly [Ending, number])[] = [
  ['partial', 70],
  ['exact', 8],
  ['over', 7],
  ['void', 6],
  ['long', 5],
  ['late', 2],
  ['lost', 2],
];

interface OpenRequest {
  requestId: string;
  person: Person;
  boundTokens: number;
  ending: Ending;
  /** Its cost over its bound. */
  share: number;
}

/** Requests of all people through the metering that the API uses: held, then settled for less or more, voided, too late, or never. */
export class Traffic {
  /** Held, and settled some other day. */
  private open: OpenRequest[] = [];

  constructor(
    private readonly metering: MeteringService,
    private readonly model: CatalogueModel,
    private readonly outcomes: Outcomes,
  ) {}

  /** Everyone's next request, if he has one now. Returns those who had too few credits. */
  async reserve(people: readonly Person[]): Promise<Person[]> {
    const asking = people.filter(
      ({ standing, random }) => standing && random.chance(REQUESTS_PER_MONTH / SLOTS_PER_MONTH),
    );
    const poor: Person[] = [];
    await eachOf(asking, WIDTH, async (person) => {
      const request = this.requestOf(person);
      if (!(await this.hold(request, poor))) return;
      this.open.push(request);
    });
    return poor.toSorted((one, other) => (one.userId < other.userId ? -1 : 1));
  }

  /** Ends what is under way; with `isMorning` also what was left over night. */
  async settle(isMorning: boolean): Promise<void> {
    const due = this.open.filter(({ ending }) => isMorning || (ending !== 'long' && ending !== 'late'));
    this.open = this.open.filter((request) => !due.includes(request));
    await eachOf(due, WIDTH, (request) => this.end(request));
  }

  get openCount(): number {
    return this.open.length;
  }

  private requestOf(person: Person): OpenRequest {
    const { random, standing, appetite } = person;
    const usual = (MONTHLY_CREDITS[standing!.tier] * appetite * random.between(0.2, 1.8)) / REQUESTS_PER_MONTH;
    const ending = random.weighted(ENDINGS);
    return {
      requestId: newId(),
      person,
      // One credit buys a thousand tokens of the sandbox's model.
      boundTokens: Math.max(10, Math.ceil(usual * 1_000 * BOUND_FACTOR)),
      ending,
      share: ending === 'over' ? random.between(1, 1.5) : ending === 'exact' ? 1 : random.between(0.3, 1),
    };
  }

  private async hold(request: OpenRequest, poor: Person[]): Promise<boolean> {
    const { requestId, person, boundTokens, ending } = request;
    const { standing, userId, accessId } = person;
    const { id, versionNo } = this.model;
    const held = await this.outcomes.attempt('reserve', async () => {
      try {
        return await this.metering.reserve({
          requestId,
          userId,
          accessId,
          tier: standing!.tier,
          model: { id, versionNo },
          amountUcr: BigInt(boundTokens) * 1_000n,
          boundTokens,
          ttlMs: ending === 'long' ? LONG_HOLD_MS : HOLD_MS,
        });
      } catch (error) {
        if (error instanceof InsufficientCreditsError) poor.push(person);
        throw error;
      }
    });
    return held !== undefined;
  }

  private async end({ requestId, person, boundTokens, ending, share }: OpenRequest): Promise<void> {
    const { userId } = person;
    // Its process died: the sweeper gives its hold back.
    if (ending === 'lost') return this.outcomes.add('lost');
    if (ending === 'void') {
      await this.metering.void({ requestId, userId }, 'simulated');
      return this.outcomes.add('void');
    }
    const tokens = Math.ceil(boundTokens * share);
    const inputTokens = Math.floor(tokens * INPUT_SHARE);
    const { state, newDebtUcr } = await this.metering.settle({
      requestId,
      userId,
      attempts: [
        {
          attemptNo: 1,
          model: this.model,
          provider: this.model.provider,
          providerRequestId: null,
          operation: 'chat',
          usage: {
            inputTokens,
            cachedInputTokens: 0,
            cacheWriteTokens: 0,
            outputTokens: tokens - inputTokens,
            reasoningTokens: 0,
            imageCount: 0,
            source: 'provider',
          },
          outcome: 'completed',
          latencyMs: 800,
          firstTokenMs: null,
          metadata: {},
        },
      ],
    });
    person.lastCharged = requestId;
    this.outcomes.add(state === 'settled_late' ? 'settle after expiry' : `settle ${ending}`);
    if (newDebtUcr > 0n) this.outcomes.add('settle with new debt');
  }
}
