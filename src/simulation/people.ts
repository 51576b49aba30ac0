import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import type { Tier } from '../common/domain/tiers.js';
import type { SubscriptionStatus } from '../subscription/domain/transitions.js';
import { Random } from './random.js';

const CLIENT_ID = 'simulation';
const JOIN_DAYS = 31;
/** One in so many comes later, up to the middle of the time that is simulated. */
const LATECOMERS = 0.2;

/** What is known of a person's live subscription this morning. */
export interface Standing {
  id: string;
  tier: Tier;
  status: SubscriptionStatus;
  isPastDue: boolean;
  isEnding: boolean;
}

/** One simulated user. What he does follows from his own random numbers and his own account, never from anyone else. */
export interface Person {
  userId: string;
  accessId: string;
  random: Random;
  joinsOnDay: number;
  firstTier: Tier;
  /** How much of his plan's allowance he would use in a month. */
  appetite: number;
  standing: Standing | undefined;
  /** The last request that was charged and not refunded yet. */
  lastCharged: string | undefined;
}

/** The users of a simulation and their sign-ins, and an operator who corrects their books. */
export async function createPeople(
  em: EntityManager,
  { count, seed, days }: { count: number; seed: number; days: number },
  startsAt: Date,
): Promise<{ people: Person[]; operatorId: string }> {
  const people = Array.from({ length: count }, (_, index) => personOf(new Random(seed + index * 7_919 + 1), days));
  const operatorId = new Random(seed).uuid();
  const ids = [...people.map(({ userId }) => userId), operatorId];
  await run(
    em,
    `insert into users (id, email, email_verified_at, created_at, updated_at)
     select id, id || '@simulation.example', $2, $2, $2 from unnest($1::uuid[]) as id`,
    [ids, startsAt],
  );
  await run(
    em,
    `insert into oauth_clients (id, client_id, client_name, client_type, grant_types, scopes)
     values ($1, '${CLIENT_ID}', 'Simulation', 'public', '{}', '{}')`,
    [operatorId],
  );
  // Sign-ins end by the time on the wall, which the simulation does not move.
  await run(
    em,
    `insert into auth_grants (id, user_id, client_id, scopes, expires_at)
     select r.id, r.user_id, '${CLIENT_ID}', '{}', 'infinity' from unnest($1::uuid[], $2::uuid[]) as r(id, user_id)`,
    [people.map(({ accessId }) => accessId), people.map(({ userId }) => userId)],
  );
  return { people, operatorId };
}

/** Reads everyone's live subscription. */
export async function refreshStandings(em: EntityManager, people: ReadonlyMap<string, Person>): Promise<void> {
  const rows = await run<StandingRow>(
    em,
    `select id, user_id, tier, status, grace_ends_at is not null as is_past_due, cancel_at_period_end as is_ending
     from subscriptions where status in ('active', 'suspended')`,
    [],
  );
  for (const person of people.values()) person.standing = undefined;
  for (const { id, user_id: userId, tier, status, is_past_due: isPastDue, is_ending: isEnding } of rows) {
    const person = people.get(userId);
    if (person) person.standing = { id, tier, status, isPastDue, isEnding };
  }
}

function personOf(random: Random, days: number): Person {
  const isLate = days > 2 * JOIN_DAYS && random.chance(LATECOMERS);
  return {
    userId: random.uuid(),
    accessId: random.uuid(),
    random,
    joinsOnDay: random.integer(0, isLate ? Math.floor(days / 2) : Math.min(JOIN_DAYS, days) - 1),
    firstTier: random.weighted<Tier>([
      ['free', 30],
      ['pro', 45],
      ['pro_max', 18],
      ['enterprise', 7],
    ]),
    // Most leave something, some run dry every month.
    appetite: random.between(0.15, 1.4) * random.between(0.6, 1.2),
    standing: undefined,
    lastCharged: undefined,
  };
}

async function run<Row>(em: EntityManager, sql: string, parameters: unknown[]): Promise<Row[]> {
  const { rows } = await em.getKysely().executeQuery<Row>(CompiledQuery.raw(sql, parameters));
  return rows;
}

interface StandingRow {
  id: string;
  user_id: string;
  tier: Tier;
  status: SubscriptionStatus;
  is_past_due: boolean;
  is_ending: boolean;
}
