import type { EntityManager } from '@mikro-orm/postgresql';
import type { GrantExpiryService } from '../credits/grant-expiry.service.js';
import type { HoldSweeper } from '../credits/hold-sweeper.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import type { RolloverService } from '../subscription/rollover.service.js';
import type { MeteringService } from '../usage/metering.service.js';
import { Events, type EventServices } from './events.js';
import { Outcomes } from './outcomes.js';
import { createPeople, type Person, refreshStandings } from './people.js';
import { Random } from './random.js';
import type { SimulationOptions } from './simulation-options.js';
import { Traffic } from './traffic.js';

/** The first moment. Its months have partitions for two years; later lines go to the default ones. */
export const STARTS_AT = new Date('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** How often a month an outage begins, and the days without any job that it may last. */
const OUTAGES_PER_MONTH = 0.4;
const OUTAGE_DAYS_MAX = 5;

export interface SimulationServices extends EventServices {
  em: EntityManager;
  metering: MeteringService;
  rollover: RolloverService;
  expiry: GrantExpiryService;
  sweeper: HoldSweeper;
  model: CatalogueModel;
  /** Puts the product's clock to a moment; it only goes forward. */
  setClock: (now: Date) => void;
}

export interface SimulationProgress {
  month: number;
  months: number;
  /** Requests that were charged so far. */
  requests: number;
}

/** Months of a product's life on its own services: what people do, what operators do, and days on which no job runs. */
export class Simulation {
  readonly outcomes = new Outcomes();
  private readonly random: Random;
  private people: Person[] = [];
  private readonly byId = new Map<string, Person>();
  private outageUntil = 0;

  constructor(
    private readonly services: SimulationServices,
    private readonly options: Pick<SimulationOptions, 'subscriptions' | 'months' | 'seed'>,
  ) {
    this.random = new Random(options.seed ^ 0x5eed);
  }

  /** @returns the moment at which it ends. Nothing is held then, and every job has run. */
  async run(onMonth: (progress: SimulationProgress) => void, signal: AbortSignal): Promise<Date> {
    const { subscriptions: count, months, seed } = this.options;
    const days = dayOfMonth(months);
    this.services.setClock(STARTS_AT);
    const { people, operatorId } = await createPeople(this.services.em, { count, seed, days }, STARTS_AT);
    this.people = people;
    for (const person of people) this.byId.set(person.userId, person);
    const traffic = new Traffic(this.services.metering, this.services.model, this.outcomes);
    const events = new Events(this.services, operatorId, this.outcomes);
    for (let month = 1; month <= months; month += 1) {
      for (let day = dayOfMonth(month - 1); day < dayOfMonth(month); day += 1) {
        signal.throwIfAborted();
        await this.runDay(day, traffic, events);
      }
      onMonth({ month, months, requests: this.outcomes.of('reserve') });
    }
    this.at(days, 8 * HOUR_MS);
    await traffic.settle(true);
    const end = this.at(days, 12 * HOUR_MS);
    await this.runJobs(end);
    return end;
  }

  /** Requests before the jobs meet periods that nobody has closed yet; those after find them closed, unless there is an outage. */
  private async runDay(day: number, traffic: Traffic, events: Events): Promise<void> {
    const joining = this.people.filter(({ joinsOnDay }) => joinsOnDay === day);
    await events.join(joining, this.at(day, 7 * HOUR_MS + (day % 60) * MINUTE_MS));
    await refreshStandings(this.services.em, this.byId);
    const morning = this.at(day, 8 * HOUR_MS);
    await traffic.settle(true);
    const poor = await traffic.reserve(this.people);
    this.at(day, 8 * HOUR_MS + MINUTE_MS);
    await traffic.settle(false);
    await events.topUp(poor, morning);
    await events.happen(this.people, this.at(day, 10 * HOUR_MS));
    if (!this.isOutage(day)) await this.runJobs(this.at(day, 12 * HOUR_MS));
    this.at(day, 20 * HOUR_MS);
    await refreshStandings(this.services.em, this.byId);
    await traffic.reserve(this.people);
    this.at(day, 20 * HOUR_MS + MINUTE_MS);
    await traffic.settle(false);
  }

  private async runJobs(now: Date): Promise<void> {
    const { rollover, expiry, sweeper } = this.services;
    const { closed, failed } = await rollover.run(now);
    this.outcomes.add('period closed by the job', closed);
    this.outcomes.add('period close failed', failed);
    this.outcomes.add('grant expired by the job', (await expiry.expireGrants(now)).grants);
    this.outcomes.add('hold expired by the sweeper', await sweeper.sweep(now));
    this.outcomes.add('days with jobs');
  }

  private isOutage(day: number): boolean {
    if (day >= this.outageUntil && this.random.chance(OUTAGES_PER_MONTH / 30)) {
      this.outageUntil = day + this.random.integer(1, OUTAGE_DAYS_MAX);
    }
    const isOut = day < this.outageUntil;
    if (isOut) this.outcomes.add('days without any job');
    return isOut;
  }

  /** Moves the clock there. */
  private at(day: number, offsetMs: number): Date {
    const now = new Date(STARTS_AT.getTime() + day * DAY_MS + offsetMs);
    this.services.setClock(now);
    return now;
  }
}

/** Days from the start to the first of a month. */
function dayOfMonth(month: number): number {
  const first = Date.UTC(STARTS_AT.getUTCFullYear(), STARTS_AT.getUTCMonth() + month, 1);
  return Math.round((first - STARTS_AT.getTime()) / DAY_MS);
}
