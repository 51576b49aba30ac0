import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase } from '../support/test-server.js';
import { ChaosProvider, seeded } from './chaos-provider.js';
import { Fleet } from './fleet.js';

/** Long enough in the suite to meet every fate; by hand `CHAOS_SECONDS=240 npm test -- e2e/chaos`. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 12);
const SEED = Number(process.env['CHAOS_SEED'] ?? 20_261_129);
const CALLERS = 10;
const MODEL = 'gpt-5-nano';
/** Each time half of what is left, so that short and long runs have some. */
const KILLS = Math.max(1, Math.round(SECONDS / 60));

interface Seen {
  requestId: string;
  status: number;
  /** The provider's name of the answer, where it was read. */
  answer: string | undefined;
  /** As the client was told it. */
  charged: string | undefined;
  isWhole: boolean;
}

interface Row {
  hold_id: string;
  credits_ucr: string;
  usage_source: string;
  outcome: string;
  input_tokens: number;
  output_tokens: number;
}

/** Two servers before a provider that delays, drops, stalls, sends garbage and lies about usage, while one of them is killed. */
describe('chaos', () => {
  const random = seeded(SEED);
  const provider = new ChaosProvider(seeded(SEED + 1));
  let fleet: Fleet;

  beforeAll(async () => {
    await provider.start();
    fleet = await Fleet.start(await createTestDatabase(), {
      OPENAI_BASE_URL: provider.baseUrl,
      PROVIDER_TIMEOUT_MS: '1500',
    });
  });
  afterAll(async () => {
    await fleet.end();
    await provider.close();
  });

  it(
    'charges every answer what the provider counted, leaves nothing held, and the books balance',
    async () => {
      const { token } = await fleet.user(10_000_000_000n);
      const seen = await callUnderFire(token);
      await fleet.advance('PT10M');
      expect(await fleet.query(`select id from credit_holds where state = 'pending'`)).toEqual([]);
      expect(await fleet.brokenInvariants()).toEqual([]);

      const rows = await fleet.query<Row>('select * from token_usage_ledger');
      const byRequest = new Map(rows.map((row) => [row.hold_id, row]));
      expect(byRequest.size).toBe(rows.length);
      expect(seen.map((answer) => faultOf(answer, byRequest.get(answer.requestId))).filter(Boolean)).toEqual([]);
      const met = new Set(seen.map(({ answer }) => provider.fates.get(answer ?? '')?.name));
      for (const fate of ['fine', 'delayed', 'cumulative', 'absent', 'zero']) expect(met).toContain(fate);
      const whole = seen.filter(({ isWhole }) => isWhole).length;
      process.stderr.write(
        `chaos: ${SECONDS} s, ${provider.fates.size} calls, ${seen.length} answers, ${whole} whole\n`,
      );
    },
    (SECONDS + 120) * 1_000,
  );

  /** What is wrong with the charge of something that a client was answered, or null. */
  function faultOf({ requestId, status, answer, charged, isWhole }: Seen, row: Row | undefined): object | null {
    const fate = provider.fates.get(answer ?? '');
    const fault = (what: string) => ({ what, requestId, status, fate, charged, row });
    if (status !== 200) return row ? fault('a refusal was charged') : null;
    // A client that left, or whose server was killed, may have been charged or not: the books say whether that is right.
    if (!isWhole) return null;
    if (!row) return fault('an answer was not charged');
    if (charged !== undefined && BigInt(charged.replace('.', '')) !== BigInt(row.credits_ucr)) {
      return fault('another charge was told');
    }
    if (!fate) return fault('nobody gave this answer');
    if (!fate.usage) return row.usage_source === 'estimated' ? null : fault('what was not told was not estimated');
    const isExact =
      row.usage_source === 'provider' &&
      row.input_tokens === fate.usage.prompt_tokens &&
      row.output_tokens === fate.usage.completion_tokens;
    return isExact ? null : fault('another usage was charged');
  }

  async function callUnderFire(token: string): Promise<Seen[]> {
    const seen: Seen[] = [];
    const deadline = Date.now() + SECONDS * 1_000;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      while (Date.now() < deadline) {
        // A request of which nothing came back is not answered: its connection went with the server.
        const answer = await ask(caller % 2, token).catch(() => undefined);
        if (answer) seen.push(answer);
        if (answer?.status !== 200) await sleep(20);
      }
    });
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep((deadline - Date.now()) / (KILLS - kill + 1));
      await fleet.servers[1]!.kill();
      await fleet.restart(1);
    }
    await Promise.all(callers);
    return seen;
  }

  async function ask(server: number, token: string): Promise<Seen> {
    const stream = random() < 0.6;
    const leaves = random() < 0.1;
    const leaving = new AbortController();
    const response = await fetch(`${fleet.servers[server]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: MODEL,
        max_completion_tokens: 50,
        messages: [{ role: 'user', content: 'The quick brown fox jumps over the lazy dog.' }],
        stream,
      }),
      signal: leaving.signal,
    });
    const requestId = response.headers.get('x-request-id')!;
    let text = '';
    try {
      const decoder = new TextDecoder();
      for await (const bytes of response.body!) {
        text += decoder.decode(bytes as Uint8Array, { stream: true });
        if (leaves) leaving.abort();
      }
    } catch {
      return { requestId, status: response.status, answer: undefined, charged: undefined, isWhole: false };
    }
    return {
      requestId,
      status: response.status,
      answer: /answer-\d+/.exec(text)?.[0],
      charged: response.headers.get('x-credits-charged') ?? /credits-charged ([\d.]+)/.exec(text)?.[1],
      isWhole: stream ? text.endsWith('data: [DONE]\n\n') : response.status === 200,
    };
  }
});
