import type { Server, ServerResponse } from 'node:http';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { GoogleMock } from '../support/google-mock.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { addModel } from './model-copies.js';

const TEXT = 'one two three four five six seven eight nine ten';
const LONG = 'word '.repeat(60);
/** Events of a stream before it waits: more than the first of its text. */
const BEFORE_PAUSE = 10;
const openai = new OpenAiMock();
const anthropic = new AnthropicMock();
const google = new GoogleMock();

/** How each protocol's mock comes to the same situation. Usage is always 1 000 tokens in and 200 out. */
const ADAPTERS = [
  {
    adapter: 'openai-compatible',
    model: 'gpt-5-nano',
    mock: openai,
    usage: { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200 },
    cut: (after: number) => ({ content: TEXT, cutAfterChunks: after }),
    cutAfterUsage: { content: TEXT, cutAfterChunks: 5, usageInEveryChunk: true },
    long: { content: LONG },
  },
  {
    adapter: 'anthropic',
    model: 'claude-sonnet-4-5',
    mock: anthropic,
    usage: { input_tokens: 1_000, output_tokens: 200 },
    cut: (after: number) => ({ text: TEXT, cutAfterEvents: after }),
    // Before `message_stop`, when `message_delta` has told the usage.
    cutAfterUsage: { text: TEXT, cutAfterEvents: 16 },
    long: { text: LONG },
  },
  {
    adapter: 'google',
    model: 'gemini-2.5-pro',
    mock: google,
    usage: { promptTokenCount: 1_000, candidatesTokenCount: 200, totalTokenCount: 1_200 },
    cut: (after: number) => ({ text: TEXT, cutAfterEvents: after, usage: null }),
    cutAfterUsage: { text: TEXT, cutAfterEvents: 6 },
    long: { text: LONG },
  },
];

describe.each(ADAPTERS)('an interrupted stream of $adapter', (adapter) => {
  const { model, mock, usage } = adapter;
  const behave = mock.behave.bind(mock) as (behaviour: object) => void;
  const cancelled = `cancelled-${model}`;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    await mock.start();
    bench = await ChatBench.start({
      env: {
        ...(mock === openai && { OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'key' }),
        ...(mock === anthropic && { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: 'key' }),
        ...(mock === google && { GOOGLE_BASE_URL: mock.baseUrl, GOOGLE_API_KEY: 'key' }),
      },
    });
    bench.countPatiently();
    await addModel(bench.server, {
      id: cancelled,
      like: model,
      meta: { providerMetadata: { onDisconnect: 'cancel' } },
    });
  });
  beforeEach(async () => {
    caller = await bench.caller('pro_max');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  const ask = (asked = model) => ({
    model: asked,
    messages: [{ role: 'user', content: 'Count to ten.' }],
    stream: true,
  });

  it('no byte from the provider: nothing is charged', async () => {
    behave(adapter.cut(0));
    expect(await caller.refusedChat(ask())).toMatchObject({ status: 502, error: { code: 'provider_error' } });
  });

  /** Removed once: the usage in the middle of translated streams, and an estimate was charged. */
  it('usage known: that is charged', async () => {
    behave({ ...adapter.cutAfterUsage, usage });
    const answer = await caller.chat(ask());
    expect(answer.body['text']).toContain('"code":"provider_error"');
    const [row] = await caller.ledger();
    expect(row).toMatchObject({ outcome: 'provider_error', usage_source: 'provider', input_tokens: 1_000 });
    // Who counts as it goes, had counted a part of the 200 by then.
    expect(row!.output_tokens).toBeGreaterThan(mock === anthropic ? 199 : 50);
    expect(await caller.openHolds()).toBe(0);
  });

  it('usage unknown: what arrived is counted, charged and marked as an estimate', async () => {
    behave(adapter.cut(5));
    const answer = await caller.chat(ask());
    expect(answer.body['text']).toContain('"code":"provider_error"');
    const [row] = await caller.ledger();
    expect(row).toMatchObject({ outcome: 'provider_error', usage_source: 'estimated' });
    expect(row!.output_tokens).toBeGreaterThan(0);
    expect(row!.output_tokens).toBeLessThan(10);
    expect(await caller.openHolds()).toBe(0);
  });

  it('the client leaves, policy drain: the provider is read to its end and its usage charged', async () => {
    const { promise: over, resolve: goOn } = Promise.withResolvers<void>();
    behave({ ...adapter.long, usage, pause: { after: BEFORE_PAUSE, over } });
    const before = mock.abortedStreams;
    await leaveAfterFirstByte(ask());
    goOn();
    expect(await caller.settled()).toMatchObject([
      { outcome: 'client_aborted', usage_source: 'provider', input_tokens: 1_000, output_tokens: 200 },
    ]);
    expect(mock.abortedStreams).toBe(before);
  });

  /** Removed once: the model's own policy, and the provider was read to its end. */
  it('the client leaves, policy cancel: the provider is stopped, and what is known by then is charged', async () => {
    behave({ ...adapter.long, usage, pause: { after: BEFORE_PAUSE, over: new Promise(() => undefined) } });
    const before = mock.abortedStreams;
    await leaveAfterFirstByte(ask(cancelled));
    const [row] = await caller.settled();
    expect(row).toMatchObject({
      outcome: 'client_aborted',
      usage_source: mock === google ? 'provider' : 'estimated',
    });
    expect(row!.output_tokens).toBeLessThan(60);
    await until(() => mock.abortedStreams === before + 1);
  });

  /** Resolves once the server knows. */
  async function leaveAfterFirstByte(body: object): Promise<void> {
    const controller = new AbortController();
    const server = bench.server.app.getHttpServer() as Server;
    const left = new Promise<void>((resolve) => {
      server.once('request', (_request, answer: ServerResponse) => answer.once('close', resolve));
    });
    const response = await fetch(`${caller.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    await response.body!.getReader().read();
    controller.abort();
    await left;
  }
});
