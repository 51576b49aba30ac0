import OpenAI from 'openai';
import { dataUri, png } from '../support/images.js';
import { ChatBench } from './chat-bench.js';

const MESSAGES = [{ role: 'user' as const, content: 'Hello, sandbox! How are you today?' }];
const TOOLS = [
  {
    type: 'function' as const,
    function: {
      name: 'get_weather',
      description: 'The weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

describe('the official OpenAI client, unchanged', () => {
  let bench: ChatBench;

  beforeAll(async () => {
    bench = await ChatBench.start();
  });
  afterAll(() => bench.close());

  it('lists the models and reads one, by id and by alias', async () => {
    const { openai } = await bench.caller();
    const ids: string[] = [];
    for await (const model of openai.models.list()) {
      expect(model.object).toBe('model');
      ids.push(model.id);
    }
    expect(ids).toEqual(expect.arrayContaining(['gpt-5-mini', 'claude-sonnet-4-5', 'sandbox-echo']));
    expect(await openai.models.retrieve('sandbox-echo')).toMatchObject({ id: 'sandbox-echo', owned_by: 'sandbox' });
    expect(await openai.models.retrieve('claude-sonnet-4.5')).toMatchObject({ id: 'claude-sonnet-4-5' });
    await expect(openai.models.retrieve('gpt-99')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('chats, and is told what it was charged', async () => {
    const caller = await bench.caller();
    const { data, response } = await caller.openai.chat.completions
      .create({ model: 'sandbox-echo', messages: MESSAGES, max_tokens: 100 })
      .withResponse();
    expect(data.choices[0]?.message).toMatchObject({ role: 'assistant', content: MESSAGES[0]?.content });
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.model).toBe('sandbox-echo');
    const total = data.usage?.total_tokens ?? 0;
    expect(total).toBeGreaterThan(0);
    expect(response.headers.get('x-sandbox')).toBe('1');
    const charged = response.headers.get('x-credits-charged');
    expect(charged).toBe((total / 1_000).toFixed(6));
    expect(response.headers.get('x-credits-remaining')).toBe((100 - total / 1_000).toFixed(6));
    const receipt = await caller.get(`/v1/usage/${response.headers.get('x-request-id')}`);
    expect(receipt.status).toBe(200);
    expect(receipt.body).toMatchObject({ creditsCharged: charged, model: 'sandbox-echo', usageSource: 'provider' });
    expect(await caller.openHolds()).toBe(0);
  });

  it('streams', async () => {
    const caller = await bench.caller();
    const { data, response } = await caller.openai.chat.completions
      .create({ model: 'sandbox-echo', messages: MESSAGES, stream: true })
      .withResponse();
    expect(response.headers.get('x-credits-held')).toMatch(/^\d+\.\d{6}$/);
    expect(response.headers.get('x-credits-charged')).toBeNull();
    let text = '';
    for await (const chunk of data) {
      expect(chunk.usage ?? null).toBeNull();
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe(MESSAGES[0]?.content);
    expect(await caller.ledger()).toMatchObject([
      { outcome: 'completed', usage_source: 'provider', provider: 'sandbox' },
    ]);
    expect(await caller.openHolds()).toBe(0);
  });

  it('streams with usage, in the last chunk together with the charge', async () => {
    const caller = await bench.caller();
    const stream = await caller.openai.chat.completions.create({
      model: 'sandbox-echo',
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const last = chunks.at(-1) as OpenAI.ChatCompletionChunk & { tollgate: Record<string, string> };
    expect(last.choices).toEqual([]);
    const total = last.usage?.total_tokens ?? 0;
    expect(last.tollgate['credits_charged']).toBe((total / 1_000).toFixed(6));
    const receipt = await caller.get(`/v1/usage/${last.tollgate['request_id']}`);
    expect(receipt.body).toMatchObject({ creditsCharged: last.tollgate['credits_charged'] });
  });

  it('runs a conversation with tools', async () => {
    const caller = await bench.caller();
    const asked: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Use get_weather for Paris' }];
    const first = await caller.openai.chat.completions.create({ model: 'sandbox-echo', messages: asked, tools: TOOLS });
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = message.tool_calls ?? [];
    if (call?.type !== 'function') throw new Error('no function was called');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'sandbox' });
    const second = await caller.openai.chat.completions.create({
      model: 'sandbox-echo',
      messages: [...asked, message, { role: 'tool', tool_call_id: call.id, content: 'Sunny' }],
      tools: TOOLS,
    });
    expect(second.choices[0]?.message.content).toBe('Sunny');
    expect((await caller.ledger()).map((row) => row.operation)).toEqual(['function_call', 'chat']);
  });

  // The client hands back its own copy of each answer, with members that it added.
  it.each([false, true])('lets the client run the tools itself (stream: %s)', async (stream) => {
    const { openai } = await bench.caller();
    const run = {
      model: 'sandbox-echo',
      messages: [{ role: 'user' as const, content: 'Use get_weather for Paris' }],
      tools: [
        {
          type: 'function' as const,
          function: {
            name: 'get_weather',
            description: 'The weather of a city',
            parameters: TOOLS[0]!.function.parameters!,
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: ({ city }: { city: string }) => `Sunny in ${city}`,
          },
        },
      ],
    };
    const runner = stream
      ? openai.chat.completions.runTools({ ...run, stream })
      : openai.chat.completions.runTools(run);
    expect(await runner.finalContent()).toBe('Sunny in sandbox');
  });

  it('assembles streamed tool calls and choices', async () => {
    const { openai } = await bench.caller();
    const run = openai.chat.completions.stream({
      model: 'sandbox-echo',
      messages: MESSAGES,
      tools: TOOLS,
      tool_choice: 'required',
    });
    const answer = await run.finalChatCompletion();
    expect(answer.choices[0]?.message.tool_calls).toMatchObject([{ function: { name: 'get_weather' } }]);
    const several = await openai.chat.completions.create({ model: 'sandbox-echo', messages: MESSAGES, n: 3 });
    expect(several.choices.map((choice) => choice.message.content)).toEqual(Array(3).fill(MESSAGES[0]?.content));
  });

  it('shows images to a model that sees', async () => {
    const caller = await bench.caller();
    const url = dataUri('image/png', png(640, 480));
    const answer = await caller.openai.chat.completions.create({
      model: 'sandbox-vision',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe('What is this? [1 image]');
    expect(await caller.ledger()).toMatchObject([{ image_count: 1 }]);
  });

  it('reads errors as its own and does not retry what a retry cannot mend', async () => {
    const caller = await bench.caller();
    let calls = 0;
    const counting: typeof fetch = (input, init) => {
      calls += 1;
      return fetch(input, init);
    };
    const openai = new OpenAI({ baseURL: `${bench.server.url}/v1`, apiKey: caller.token, fetch: counting });
    const tooMuch = openai.chat.completions.create({
      model: 'sandbox-echo',
      messages: MESSAGES,
      max_tokens: 16_000,
      n: 8,
    });
    const error = (await tooMuch.catch((thrown: unknown) => thrown)) as InstanceType<typeof OpenAI.APIError>;
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ status: 402, code: 'insufficient_credits', type: 'insufficient_quota' });
    expect(calls).toBe(1);
    await expect(openai.chat.completions.create({ model: 'sandbox-echo', messages: [] })).rejects.toBeInstanceOf(
      OpenAI.BadRequestError,
    );
    const stranger = new OpenAI({ baseURL: `${bench.server.url}/v1`, apiKey: 'nonsense' });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await caller.expectUntouched();
  });

  it('learns of a stream that broke from an error in the stream', async () => {
    const caller = await bench.caller();
    const stream = await caller.openai.chat.completions.create({
      model: 'sandbox-drop-mid-stream',
      messages: MESSAGES,
      stream: true,
    });
    const read = async () => {
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    };
    await expect(read()).rejects.toMatchObject({ code: 'provider_error' });
    expect(await caller.settled()).toMatchObject([{ outcome: 'provider_error', usage_source: 'estimated' }]);
  });
});
