import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, type ChatOpenAIFields } from '@langchain/openai';
import { z } from 'zod';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type Caller, ChatBench } from './chat-bench.js';

const GET_WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

/** Its types leave the member open. */
function usageOf(message: object): number | undefined {
  return (message as { usage_metadata?: { total_tokens: number } }).usage_metadata?.total_tokens;
}

describe('LangChain’s client, with another base URL', () => {
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await ChatBench.start();
  });
  beforeEach(async () => {
    caller = await bench.caller();
  });
  afterAll(async () => {
    const { checks } = await bench.server.app.get(ReconciliationService).run();
    expect(checks.filter((check) => check.isBroken)).toEqual([]);
    await bench.close();
  });

  const model = (fields: ChatOpenAIFields = {}) =>
    new ChatOpenAI({
      model: 'sandbox-echo',
      apiKey: caller.token,
      maxRetries: 0,
      ...fields,
      configuration: { baseURL: `${caller.url}/v1` },
    });

  it('chats, whole and streamed', async () => {
    const whole = await model().invoke('Hello, LangChain!');
    expect(whole.content).toBe('Hello, LangChain!');
    let text = '';
    let total: number | undefined;
    for await (const chunk of await model().stream('Hello, LangChain!')) {
      text += chunk.text;
      total = usageOf(chunk) ?? total;
    }
    expect(text).toBe('Hello, LangChain!');
    expect(total).toBe(usageOf(whole));
    const rows = await caller.ledger();
    expect(rows).toMatchObject([{ outcome: 'completed' }, { outcome: 'completed' }]);
    expect(rows.map((row) => row.input_tokens + row.output_tokens)).toEqual([total, total]);
  });

  it('calls tools and hands their results back', async () => {
    const withTools = model().bindTools([GET_WEATHER]);
    const asked = new HumanMessage('Use get_weather for Paris');
    const calling = await withTools.invoke([asked]);
    expect(calling.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: 'sandbox' } }]);
    const result = new ToolMessage({ tool_call_id: calling.tool_calls![0]!.id!, content: 'Sunny' });
    expect((await withTools.invoke([asked, calling, result])).content).toBe('Sunny');
  });

  // Removed once: the name of the tool in its result.
  it('runs a tool of its own, whose result says which one it was', async () => {
    const getWeather = tool(({ city }: { city: string }) => `Sunny in ${city}`, {
      name: 'get_weather',
      description: 'The weather of a city',
      schema: z.object({ city: z.string() }),
    });
    for (const useResponsesApi of [false, true]) {
      const withTools = model({ useResponsesApi }).bindTools([getWeather]);
      const asked = new HumanMessage('Use get_weather for Paris');
      const calling = await withTools.invoke([asked]);
      const result = (await getWeather.invoke({ ...calling.tool_calls![0]!, type: 'tool_call' })) as ToolMessage;
      expect(result.name).toBe('get_weather');
      expect((await withTools.invoke([asked, calling, result])).text).toBe('Sunny in sandbox');
    }
  });

  it('reads structured output', async () => {
    const City = z.object({ city: z.string() });
    const structured = model().withStructuredOutput(City, { name: 'city' });
    expect(await structured.invoke('{"city":"Paris"}')).toEqual({ city: 'Paris' });
  });

  it('shows a refusal with what to do', async () => {
    const refused = model({ maxTokens: 16_000, n: 8 }).invoke('Hello');
    await expect(refused).rejects.toMatchObject({ status: 402, code: 'insufficient_credits' });
    await expect(refused).rejects.toThrow(/A max_tokens of \d+ would pass/);
    await caller.expectUntouched();
  });
});
