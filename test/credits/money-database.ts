import { type EntityManager, IsolationLevel, MikroORM } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import { newId } from '../../src/common/ids.js';
import { GRANT_PRIORITY, type GrantSource } from '../../src/credits/grant.entity.js';
import { Hold } from '../../src/credits/hold.entity.js';
import type { HoldRepository, ReserveMember, RequestLimits, SettleMember } from '../../src/credits/hold.repository.js';
import type { ChargedAttempt } from '../../src/credits/settle-call.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { evaluateChecks, type Offender, type ReconciliationResult } from '../../src/usage/reconciliation-checks.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase } from '../support/test-server.js';

export const NOW = new Date('2026-05-10T12:00:30.000Z');
export const NO_LIMITS: RequestLimits = {
  concurrentRequests: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  requestsPerDay: null,
  tokensPerDay: null,
  requestsPerMonth: null,
  tokensPerMonth: null,
};

/** 1 µcr per input token and nothing else, so that a test chooses any charge by its tokens. */
const UNIT_MODEL = 'unit-price';

export interface TestUser {
  id: string;
  accessId: string;
}

export interface GrantSpec {
  amountUcr: bigint;
  source?: GrantSource;
  effectiveAt?: Date;
  expiresAt?: Date | null;
  subscriptionId?: string;
  periodIndex?: number;
  key?: string;
  createdAt?: Date;
}

/** Every check of the books, as the transaction of `em` sees them. */
export function checksWithin(em: EntityManager): Promise<ReconciliationResult[]> {
  const execute = async <Row>(sql: string, parameters: unknown[]): Promise<Row[]> =>
    (await em.getKysely().executeQuery(CompiledQuery.raw(sql, parameters))).rows as Row[];
  return evaluateChecks(execute, NOW);
}

/** A migrated database with the shortest ways to users, grants and holds. */
export class MoneyDatabase {
  private constructor(
    readonly orm: MikroORM,
    readonly url: string,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(): Promise<MoneyDatabase> {
    const database = await createTestDatabase();
    const config = testConfig({ DATABASE_URL: database.url, DATABASE_POOL_SIZE: '40' });
    const orm = await MikroORM.init(ormOptions(database.url, config));
    const opened = new MoneyDatabase(orm, database.url, () => database.drop());
    await opened.addUnitModel();
    return opened;
  }

  async close(): Promise<void> {
    await this.orm.close();
    await this.drop();
  }

  get em(): EntityManager {
    return this.orm.em.fork();
  }

  get holds(): HoldRepository {
    return this.em.getRepository(Hold);
  }

  async query<Row = Record<string, unknown>>(text: string, parameters: unknown[] = []): Promise<Row[]> {
    return (await this.em.execute(text, parameters)) as Row[];
  }

  async newUser(options: { hasAccount?: boolean; nextDueAt?: Date } = {}): Promise<TestUser> {
    const id = newId();
    const accessId = newId();
    await this.query(
      `insert into users (id, email, email_verified_at, created_at, updated_at) values (?, ?, now(), now(), now())`,
      [id, `${id}@example.com`],
    );
    await this.query(
      `insert into oauth_clients (id, client_id, client_name, client_type, grant_types, scopes) values (?, 'test-client', 'Test', 'public', '{}', '{}')
       on conflict do nothing`,
      [newId()],
    );
    await this.query(
      `insert into auth_grants (id, user_id, client_id, scopes, expires_at) values (?, ?, 'test-client', '{}', '2100-01-01')`,
      [accessId, id],
    );
    if (options.hasAccount ?? true) {
      await this.query(
        `insert into credit_accounts (user_id, next_due_at, minute_at, day_at, month_at, created_at, updated_at)
         values (?, ?, '2020-01-01', '2020-01-01', '2020-01-01', ?, ?)`,
        [id, options.nextDueAt ?? null, NOW, NOW],
      );
    }
    return { id, accessId };
  }

  async addGrant(user: TestUser, spec: GrantSpec): Promise<string> {
    const id = newId();
    const source = spec.source ?? 'promo';
    const createdAt = spec.createdAt ?? NOW;
    await this.em.transactional(async (em) => {
      await em.execute(
        `insert into credits (user_id, id, subscription_id, grant_key, source, period_index, total_ucr, priority, effective_at, expires_at,
           created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          user.id,
          id,
          spec.subscriptionId ?? null,
          spec.key ?? id,
          source,
          spec.periodIndex ?? null,
          spec.amountUcr,
          GRANT_PRIORITY[source],
          spec.effectiveAt ?? new Date('2026-01-01T00:00:00Z'),
          spec.expiresAt ?? null,
          createdAt,
          createdAt,
        ],
      );
      await em.execute(
        `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at) values (?, ?, ?, 'grant', ?, ?)`,
        [user.id, newId(), id, spec.amountUcr, createdAt],
      );
      await em.execute(`update credit_accounts set balance_ucr = balance_ucr + ? where user_id = ?`, [
        spec.amountUcr,
        user.id,
      ]);
    });
    return id;
  }

  /** A user with a grant of each amount. */
  async userWith(...amounts: bigint[]): Promise<TestUser> {
    const user = await this.newUser();
    for (const amountUcr of amounts) await this.addGrant(user, { amountUcr });
    return user;
  }

  async account(user: TestUser): Promise<{ balance: bigint; held: bigint; debt: bigint; pending: number }> {
    const [row] = await this.query<Record<string, string>>('select * from credit_accounts where user_id = ?', [
      user.id,
    ]);
    return {
      balance: BigInt(row?.['balance_ucr'] ?? -1),
      held: BigInt(row?.['held_ucr'] ?? -1),
      debt: BigInt(row?.['debt_ucr'] ?? -1),
      pending: Number(row?.['pending_count']),
    };
  }

  /** What breaks the books, over everything in this database. */
  async offenders(): Promise<(Offender & { name: string })[]> {
    const checks = await this.em.transactional((em) => checksWithin(em), {
      isolationLevel: IsolationLevel.REPEATABLE_READ,
      readOnly: true,
    });
    return checks.flatMap(({ name, offenders }) => offenders.map((offender) => ({ name, ...offender })));
  }

  private async addUnitModel(): Promise<void> {
    const meta = JSON.stringify({
      displayName: 'Unit price',
      description: 'One µcr per input token',
      version: '1',
      capabilities: ['text'],
      contextLength: 1_000_000,
      maxOutputTokens: 1_000,
      inputCostPerMillionTokens: 0,
      outputCostPerMillionTokens: 0,
      creditsPer1kTokens: 0,
      creditRates: { input: 0.001, output: 0 },
    });
    await this.query(`insert into models (id, name, provider, meta) values (?, ?, 'sandbox', ?)`, [
      UNIT_MODEL,
      UNIT_MODEL,
      meta,
    ]);
    await this.query(
      `insert into model_versions (model_id, version_no, meta, change_reason) values (?, 1, ?, 'test')`,
      [UNIT_MODEL, meta],
    );
  }
}

export function member(user: TestUser, amountUcr: bigint, over: Partial<ReserveMember> = {}): ReserveMember {
  return {
    id: newId(),
    userId: user.id,
    accessId: user.accessId,
    modelId: UNIT_MODEL,
    modelVersionNo: 1,
    amountUcr,
    boundTokens: Number(amountUcr),
    expiresAt: new Date(NOW.getTime() + 600_000),
    limits: NO_LIMITS,
    ...over,
  };
}

/** One attempt whose charge is `costUcr`. */
export function attempt(costUcr: bigint, attemptNo = 1): ChargedAttempt {
  return {
    id: newId(),
    attemptNo,
    subscriptionId: null,
    modelId: UNIT_MODEL,
    modelVersionNo: 1,
    provider: 'sandbox',
    providerRequestId: null,
    operation: 'chat',
    inputTokens: Number(costUcr),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    imageCount: 0,
    imageTokens: 0,
    priceBasis: 'standard',
    creditsUcr: costUcr,
    costNusd: 0n,
    usageSource: 'provider',
    outcome: 'completed',
    latencyMs: 5,
    firstTokenMs: null,
    metadata: {},
  };
}

/** Settles at `costUcr`, carrying what a request knows of its hold. */
export function settlement(held: ReserveMember, costUcr: bigint, heldAt: Date = NOW): SettleMember {
  const { id, userId, accessId, modelId, modelVersionNo, amountUcr, boundTokens, expiresAt } = held;
  return {
    id,
    userId,
    state: 'settled',
    attempts: [attempt(costUcr)],
    hold: { accessId, modelId, modelVersionNo, amountUcr, boundTokens, expiresAt, heldAt },
  };
}

export function ending(held: ReserveMember, state: 'voided' | 'expired'): SettleMember {
  return { id: held.id, userId: held.userId, state, attempts: [], hold: null };
}
