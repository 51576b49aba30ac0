import { type Caller, ChatBench } from '../inference/chat-bench.js';
import { addModel } from '../inference/model-copies.js';
import { AdminConsole } from '../models/admin-console.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';

/** A model of a provider that answers as slowly as the spec wants. */
export const SLOW_MODEL = 'gpt-5-nano';
/** The same, but for what happens when nobody wants its answer any more: its calls are broken off, the others' answers awaited. */
export const CUT_OFF_MODEL = 'cut-off';
/** The sandbox answers with the idea itself. */
export const IDEA = '- Brewly\n- Kaffa\n- Roast House';

const ENDED = ['completed', 'failed', 'cancelled'];

/** A whole server with workers, and a provider beside the sandbox. */
export class GenerationBench {
  private constructor(
    readonly chats: ChatBench,
    readonly mock: OpenAiMock,
  ) {}

  static async start(): Promise<GenerationBench> {
    const mock = await new OpenAiMock().start();
    const env = { JOBS: 'on', OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'sk-of-the-operator' };
    const chats = await ChatBench.start({ env });
    chats.keepCircuitsClosed();
    const meta = { providerMetadata: { onDisconnect: 'cancel' } };
    await addModel(chats.server, { id: CUT_OFF_MODEL, like: SLOW_MODEL, meta });
    return new GenerationBench(chats, mock);
  }

  get app() {
    return this.chats.server.app;
  }

  execute(sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.chats.server.orm.em.getConnection().execute(sql, parameters);
  }

  admin(): Promise<AdminConsole> {
    return AdminConsole.on(this.chats.server);
  }

  async begin(caller: Caller, body: object): Promise<string> {
    const answer = await caller.post('/v1/generations', { businessIdea: IDEA, ...body });
    expect([answer.status, answer.body]).toEqual([202, expect.objectContaining({ status: 'pending' })]);
    return String(answer.body['id']);
  }

  async ended(caller: Caller, id: string): Promise<Record<string, unknown>> {
    let run: Record<string, unknown> = {};
    await until(async () => {
      run = (await caller.get(`/v1/generations/${id}`)).body;
      return ENDED.includes(String(run['status']));
    });
    return run;
  }

  async expectCleanBooks(): Promise<void> {
    const { checks } = await this.app.get(ReconciliationService).run();
    expect(checks.filter(({ isBroken }) => isBroken)).toEqual([]);
    expect(await this.execute(`select id from credit_holds where state = 'pending'`)).toEqual([]);
  }

  async close(): Promise<void> {
    await this.chats.close();
    await this.mock.close();
  }
}
