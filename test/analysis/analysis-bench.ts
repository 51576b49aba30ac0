import { type Caller, ChatBench } from '../inference/chat-bench.js';
import { followEvents, type ReadEvent } from '../support/event-reader.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';

export const SENTIMENT = { sentiment: 'positive', score: 0.8, themes: ['work'] };
export const REQUEST = { subject: 'entry-1', kind: 'sentiment', text: 'A good day at work. I am proud.' };

/** A server with workers, before a provider that answers analyses as it is told. */
export class AnalysisBench {
  private constructor(
    readonly provider: OpenAiMock,
    readonly chat: ChatBench,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<AnalysisBench> {
    const provider = await new OpenAiMock().start();
    const chat = await ChatBench.start({
      env: { JOBS: 'on', LOG_LEVEL: 'error', OPENAI_BASE_URL: provider.baseUrl, OPENAI_API_KEY: 'sk-mock', ...env },
    });
    chat.keepCircuitsClosed();
    const bench = new AnalysisBench(provider, chat);
    bench.answer(SENTIMENT);
    return bench;
  }

  answer(result: unknown): void {
    this.provider.behave({ content: typeof result === 'string' ? result : JSON.stringify(result) });
  }

  /** What a user sees of one analysis from its request to its end. */
  async analyse(
    caller: Caller,
    request: object = REQUEST,
  ): Promise<{ id: string; events: ReadEvent[]; body: Record<string, unknown> }> {
    const accepted = await caller.post('/v1/analyses', request);
    expect(accepted.status).toBe(202);
    const id = accepted.body['id'] as string;
    const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await reader.ended;
    return { id, events: reader.events, body: (await caller.get(`/v1/analyses/${id}`)).body };
  }

  /** That a user's analyses came to nothing that is charged. What they held is given back a moment after their end. */
  async expectFree(caller: Caller): Promise<void> {
    const held = 'select 1 from ai_analyses where user_id = ? and is_hold_open';
    await until(async () => (await caller.query(held)).length === 0);
    await caller.expectUntouched();
  }

  expectBalanced(): Promise<void> {
    return this.chat.expectBalanced();
  }

  async close(): Promise<void> {
    await this.chat.close();
    await this.provider.close();
  }
}
