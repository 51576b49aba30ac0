import { Migration } from '@mikro-orm/migrations';

/** All that joins the members of a batch with the tables that they name. */
const FUNCTIONS = [
  'reserve_batch',
  'settle_batch',
  'end_special_slices',
  'charge_beyond_holds',
  'repay_debt',
  'close_periods',
  'expire_grants',
];

/**
 * A batch is a small set, and what it names is found by key; nothing else is ever right. The planner sees it otherwise while a table is new or
 * has not been analysed: then it reads the whole table for each batch, and a session keeps that plan while the table grows.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['enable_seqscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['enable_mergejoin', 'off'],
  ['enable_material', 'off'],
  // Reading through an index from end to end is the same mistake; a lookup reads one entry.
  ['cpu_index_tuple_cost', '1'],
  // A lookup is done before it would be compiled, and these plans look dear because of the cost above.
  ['jit', 'off'],
];

/** Holds grants, holds and accounts to lookups by key in the functions that move money. A migration that makes one of them anew sets this again. */
export class Migration20261123000900_plans_by_key extends Migration {
  override up(): void {
    for (const name of FUNCTIONS) {
      for (const [setting, value] of SETTINGS) this.addSql(`alter function tollgate.${name} set ${setting} = ${value}`);
    }
  }

  override down(): void {
    for (const name of FUNCTIONS) {
      for (const [setting] of SETTINGS) this.addSql(`alter function tollgate.${name} reset ${setting}`);
    }
  }
}
