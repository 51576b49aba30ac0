import { type Deed, type Life, recent, refusable } from './comparison-life.js';
import { describePosting, ofUser } from './comparison-state.js';
import { correctionOf } from './ledger-services.js';
import type { Operation } from './operations.js';
import { newGrant, type ReferencePosting } from './reference-account.js';
import * as actions from './reference-actions.js';
import { give as giveTo } from './reference-periods.js';

const LINES_AT_HAND = 12;

type Wanted<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>;

export function bookDeed(
  life: Life,
  operation: Wanted<'grant' | 'promise' | 'expire' | 'adjust' | 'reverse' | 'refund'>,
): Deed {
  switch (operation.kind) {
    case 'grant':
      return give(life, operation);
    case 'promise':
      return promise(life, operation);
    case 'expire':
      return expire(life);
    case 'adjust':
      return adjust(life, operation);
    case 'reverse':
      return reverse(life, operation);
    case 'refund':
      return refund(life, operation);
  }
}

/** An operator's grant. */
function give(life: Life, { user, source, amount, lasts }: Wanted<'grant'>): Deed {
  const { user: owner, account } = life.owner(user);
  const now = life.at();
  const idempotencyKey = `k${(life.keys += 1)}`;
  const expiresAt = lasts === null ? null : life.now + lasts;
  return {
    perform: () =>
      life.services.credits
        .adminGrant(
          {
            userId: owner.id,
            amountUcr: BigInt(amount),
            source,
            reason: null,
            expiresAt: expiresAt === null ? null : new Date(expiresAt),
            grantedBy: owner.id,
            idempotencyKey,
          },
          now,
        )
        .then(({ isNew }) => isNew),
    predict: () => {
      const of = {
        key: `admin:${owner.id}:${idempotencyKey}`,
        source,
        effectiveAt: life.now,
        expiresAt,
        createdAt: life.now,
      };
      giveTo(account, newGrant({ ...of, total: BigInt(amount), period: null }), life.now);
      return true;
    },
  };
}

/** Credits that begin later. */
function promise(life: Life, { user, amount, startsIn, lasts }: Wanted<'promise'>): Deed {
  const owned = life.owner(user);
  const now = life.at();
  const key = `promise:${(life.keys += 1)}`;
  const effectiveAt = life.now + startsIn;
  const expiresAt = lasts === null ? null : effectiveAt + lasts;
  owned.hasPromise = true;
  const { services } = life;
  return {
    perform: () =>
      services.books.rows.transactional(() =>
        services.credits.give(
          {
            userId: owned.user.id,
            grantKey: key,
            source: 'promo',
            amountUcr: BigInt(amount),
            effectiveAt: new Date(effectiveAt),
            expiresAt: expiresAt === null ? null : new Date(expiresAt),
            reason: null,
            grantedBy: null,
          },
          now,
        ),
      ),
    predict: () => {
      const of = { key, source: 'promo' as const, effectiveAt, expiresAt, createdAt: life.now };
      giveTo(owned.account, newGrant({ ...of, total: BigInt(amount), period: null }), life.now);
      return true;
    },
  };
}

function expire(life: Life): Deed {
  const now = life.at();
  return {
    perform: async () => {
      // Two replicas at the same moment.
      const runs = await Promise.allSettled([0, 1].map(() => life.ledger.expiry.expireGrants(now)));
      for (const run of runs) if (run.status === 'rejected') throw run.reason;
      return 'done';
    },
    predict: () => {
      for (const { account } of life.owned) actions.expire(account, life.now);
      return 'done';
    },
  };
}

function adjust(life: Life, { user, pick, amount }: Wanted<'adjust'>): Deed {
  const { user: owner, account } = life.owner(user);
  const grant = recent(account.grants, pick, LINES_AT_HAND);
  if (!grant) throw new Error('a user always has a grant');
  const change = { grantId: grant.id, amountUcr: BigInt(amount) };
  const now = life.at();
  return {
    perform: () => refusable(() => life.ledger.ledger.adjust(correctionOf(owner), change, now)),
    predict: () => actions.adjust(account, grant.key, BigInt(amount), life.now),
  };
}

function reverse(life: Life, { user, pick }: Wanted<'reverse'>): Deed {
  const { user: owner, account } = life.owner(user);
  const now = life.at();
  const line = recent(account.postings, pick, LINES_AT_HAND);
  if (!line) throw new Error('a user always has a posting');
  const id = storedLine(life, owner.id, line);
  return {
    perform: () => refusable(() => life.ledger.ledger.reverse(correctionOf(owner), id, now)),
    predict: () => actions.reverse(account, [line], life.now),
  };
}

function refund(life: Life, { pick }: Wanted<'refund'>): Deed {
  const hold = recent(life.holds, pick, LINES_AT_HAND);
  if (!hold) return { perform: () => Promise.resolve(), predict: () => undefined };
  const { user: owner, account } = life.owner(hold.owner);
  const now = life.at();
  return {
    perform: () => refusable(() => life.ledger.ledger.refund(correctionOf(owner), hold.member.id, now)),
    predict: () => {
      const isCharge = (line: ReferencePosting): boolean =>
        (line.kind === 'usage' || line.kind === 'debt') && line.hold === hold.member.id;
      return actions.reverse(account, account.postings.filter(isCharge), life.now);
    },
  };
}

/** The line in the database that says what this one says: where two say the same, either will do. */
function storedLine(life: Life, userId: string, line: ReferencePosting): string {
  const keys = new Map(ofUser(life.stored.grants, userId).map((row) => [row['id'], life.names.ofGrant(row)]));
  const said = ['posting', line.kind, line.grant, line.hold, line.amount, line.reversal].join(' ');
  const found = ofUser(life.stored.postings, userId).find((row) => describePosting(row, keys) === said);
  if (!found) throw new Error(`the database has no ${said}`);
  return String(found['id']);
}
