import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type Caller, ChatBench } from './chat-bench.js';

const City = z.object({ city: z.string() });

/** Its providers that a Tollgate can stand in for, by what they speak. */
const PROVIDERS = {
  'POST /v1/messages': ({ url, token }: Caller) => createAnthropic({ baseURL: `${url}/v1`, authToken: token }),
  'POST /v1/chat/completions': ({ url, token }: Caller) =>
    createOpenAICompatible({ name: 'tollgate', baseURL: `${url}/v1`, apiKey: token, includeUsage: true }),
};

describe.each(Object.entries(PROVIDERS))('the Vercel AI SDK over %s', (_route, open) => {
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

  const settings = () => ({
    model: open(caller)('sandbox-echo'),
    maxOutputTokens: 100,
    maxRetries: 0,
  });

  it('chats, whole and streamed', async () => {
    const whole = await generateText({ ...settings(), prompt: 'Hello, AI SDK!' });
    expect(whole.text).toBe('Hello, AI SDK!');
    const streamed = streamText({ ...settings(), prompt: 'Hello, AI SDK!' });
    let text = '';
    for await (const part of streamed.textStream) text += part;
    expect(text).toBe('Hello, AI SDK!');
    expect((await streamed.usage).totalTokens).toBe(whole.usage.totalTokens);
    const rows = await caller.ledger();
    expect(rows.map((row) => row.input_tokens + row.output_tokens)).toEqual(
      Array.from({ length: 2 }, () => whole.usage.totalTokens),
    );
  });

  it('calls tools and hands their results back', async () => {
    const get_weather = tool({
      description: 'The weather of a city',
      inputSchema: City,
      execute: ({ city }) => `Sunny in ${city}`,
    });
    const answer = await generateText({
      ...settings(),
      prompt: 'Use get_weather for Paris',
      tools: { get_weather },
      stopWhen: stepCountIs(2),
    });
    expect(answer.steps[0]?.toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: 'sandbox' } }]);
    expect(answer.text).toBe('Sunny in sandbox');
    // Removed once: the member by which it asks for arguments as they are written. Every stream with tools was refused.
    const streamed = streamText({
      ...settings(),
      prompt: 'Use get_weather for Paris',
      tools: { get_weather },
      stopWhen: stepCountIs(2),
    });
    expect(await streamed.text).toBe('Sunny in sandbox');
  });

  it('reads structured output', async () => {
    const ask = () => ({ ...settings(), prompt: '{"city":"Paris"}', output: Output.object({ schema: City }) });
    expect(typeof (await generateText(ask())).output.city).toBe('string');
    expect(typeof (await streamText(ask()).output).city).toBe('string');
  });

  it('shows a refusal with what to do', async () => {
    const refused = await generateText({ ...settings(), maxOutputTokens: 200_000, prompt: 'Hello' }).catch(
      (error: unknown) => error,
    );
    expect(APICallError.isInstance(refused)).toBe(true);
    expect(refused).toMatchObject({ statusCode: 400, isRetryable: false });
    expect((refused as Error).message).toMatch(/max_tokens/);
    await caller.expectUntouched();
  });
});
