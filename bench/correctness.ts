import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/postgresql';
import type { INestApplicationContext } from '@nestjs/common';
import { ReconciliationService } from '../src/usage/reconciliation.service.js';

const SETTLING_MS_MAX = 30_000;

interface Billed {
  requests: number;
  promptTokens: number;
  completionTokens: number;
}

/** What is wrong with the books right after a load: the ledger against the provider's bill, open holds, and every invariant. */
export async function checkBooks(
  app: INestApplicationContext,
  billedByProvider: () => Promise<Billed>,
): Promise<string[]> {
  const orm = app.get<MikroORM>(MikroORM);
  const one = async (sql: string): Promise<Record<string, string>> =>
    (await orm.em.getConnection().execute<Record<string, string>[]>(sql))[0]!;
  const pending = async (): Promise<number> =>
    Number((await one(`select count(*) as count from credit_holds where state = 'pending'`))['count']);
  for (const deadline = Date.now() + SETTLING_MS_MAX; (await pending()) > 0 && Date.now() < deadline;) await sleep(100);

  const faults: string[] = [];
  const open = await pending();
  if (open > 0) faults.push(`${open} holds are still open`);
  const billed = await billedByProvider();
  const ledger = await one(
    'select count(*) as requests, coalesce(sum(input_tokens), 0) as prompt, coalesce(sum(output_tokens), 0) as completion from token_usage_ledger',
  );
  const booked = {
    requests: Number(ledger['requests']),
    promptTokens: Number(ledger['prompt']),
    completionTokens: Number(ledger['completion']),
  };
  for (const figure of ['requests', 'promptTokens', 'completionTokens'] as const) {
    if (booked[figure] !== billed[figure])
      faults.push(`${figure}: the ledger has ${booked[figure]}, the provider billed ${billed[figure]}`);
  }
  const { checks } = await app.get(ReconciliationService).run();
  for (const check of checks.filter(({ isBroken }) => isBroken))
    faults.push(`${check.name}: ${JSON.stringify(check.offenders[0])}`);
  return faults;
}
