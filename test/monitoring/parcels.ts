import type { EntityManager } from '@mikro-orm/postgresql';
import type { Flag, FeatureFlags } from '../../src/monitoring/flags/feature-flags.service.js';

/**
 * The example of docs/feature-flags.md: the weight of a parcel was a text, `'1.250 kg'`, and becomes a number of grams. Live code changes
 * over user by user, and back, without a moment in which it is wrong.
 */
export const BEFORE = `create table parcels (id uuid primary key, user_id uuid not null, weight_text text not null)`;
export const EXPAND = `alter table parcels add column weight_grams integer`;
export const CONTRACT = [
  `alter table parcels alter column weight_grams set not null`,
  `alter table parcels drop column weight_text`,
];

/** Rows of one statement of the fill: it holds its locks for a moment. */
const FILL_ROWS = 500;
/** What the old column says, in terms of the new one: the fill and the check share it. */
const GRAMS_OF_TEXT = `(replace(weight_text, ' kg', '')::numeric * 1000)::integer`;

export interface Parcel {
  id: string;
  userId: string;
  grams: number;
}

interface ParcelRow {
  weight_text: string;
  weight_grams: number | null;
}

/** Reads and writes parcels while both columns are there. */
export class Parcels {
  private readonly writesGrams: Flag;
  private readonly readsGrams: Flag;
  /** Reads of the new column that were not what the old one said; the old one was answered. */
  mismatches = 0;

  constructor(
    private readonly em: EntityManager,
    flags: FeatureFlags,
  ) {
    this.writesGrams = flags.define({
      key: 'parcels_write_grams',
      description: 'Write the weight as a number, too',
      isOnByDefault: false,
    });
    this.readsGrams = flags.define({
      key: 'parcels_read_grams',
      description: 'Read the weight from the number',
      isOnByDefault: false,
    });
  }

  /** The old column is written to the end: it is the way back. A row that is not written twice is emptied, so that it is never stale. */
  async save({ id, userId, grams }: Parcel): Promise<void> {
    const weightGrams = this.writesGrams.isOn({ userId }) ? grams : null;
    await this.em.fork().execute(
      `insert into parcels (id, user_id, weight_text, weight_grams) values (?, ?, ?, ?)
       on conflict (id) do update set weight_text = excluded.weight_text, weight_grams = excluded.weight_grams`,
      [id, userId, textOf(grams), weightGrams],
    );
  }

  async gramsOf({ id, userId }: Pick<Parcel, 'id' | 'userId'>): Promise<number> {
    const [row] = await this.em
      .fork()
      .execute<ParcelRow[]>('select weight_text, weight_grams from parcels where id = ?', [id]);
    const old = gramsIn(row!.weight_text);
    if (!this.readsGrams.isOn({ userId })) return old;
    if (row!.weight_grams === old) return row!.weight_grams;
    this.mismatches += 1;
    return old;
  }

  /** Fills what was there before, in batches. Whoever writes a row meanwhile wins. Returns how many rows it filled. */
  async fill(): Promise<number> {
    let filled = 0;
    for (let rows = FILL_ROWS; rows === FILL_ROWS; filled += rows)
      ({ length: rows } = await this.em.fork().execute<unknown[]>(
        `update parcels set weight_grams = ${GRAMS_OF_TEXT}
          where id in (select id from parcels where weight_grams is null limit ${FILL_ROWS} for update skip locked) returning 1`,
      ));
    return filled;
  }

  /** The rows of which the two columns say different things, or the new one nothing. The cutover waits until there are none. */
  async inconsistencies(): Promise<string[]> {
    const rows = await this.em
      .fork()
      .execute<{ id: string }[]>(
        `select id from parcels where weight_grams is distinct from ${GRAMS_OF_TEXT} order by id`,
      );
    return rows.map(({ id }) => id);
  }
}

function textOf(grams: number): string {
  return `${(grams / 1_000).toFixed(3)} kg`;
}

function gramsIn(text: string): number {
  return Math.round(Number(text.replace(' kg', '')) * 1_000);
}
