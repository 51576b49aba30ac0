import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { NoTracing, Tracing } from '../../src/monitoring/tracing/tracing.js';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { GoogleMock } from '../support/google-mock.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type CollectedSpan, SIDES, TraceCollector } from '../support/trace-collector.js';
import { type Caller, ChatBench, HELLO } from './chat-bench.js';

const CANARY = 'canary-words-that-belong-to-the-user';
const SPAN_ID = '00f067aa0ba902b7';
let traces = 0;

/** A trace of its own for each request, as a client with tracing sends it. */
function newTrace(): { traceId: string; headers: Record<string, string> } {
  traces += 1;
  const traceId = `4bf92f3577b34da6a3ce929d${traces.toString(16).padStart(8, '0')}`;
  return { traceId, headers: { traceparent: `00-${traceId}-${SPAN_ID}-01`, tracestate: 'vendor=secret' } };
}

/** The spans below each other, as lines of `parent > child`. */
function edges(spans: readonly CollectedSpan[]): string[] {
  const nameOf = (id: string | undefined) => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  return spans.map(({ name, parentSpanId }) => `${nameOf(parentSpanId)} > ${name}`).sort();
}

describe('a server whose traces are collected', () => {
  let collector: TraceCollector;
  let openai: OpenAiMock;
  let anthropic: AnthropicMock;
  let google: GoogleMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    collector = await new TraceCollector().start();
    openai = await new OpenAiMock().start();
    anthropic = await new AnthropicMock().start();
    google = await new GoogleMock().start();
    bench = await ChatBench.start({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer collector-key,x-team=llm',
        OPENAI_BASE_URL: openai.baseUrl,
        OPENAI_API_KEY: 'sk-canary-of-the-operator',
        ANTHROPIC_BASE_URL: anthropic.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant-canary-of-the-operator',
        GOOGLE_BASE_URL: google.baseUrl,
        GOOGLE_API_KEY: 'AIza-canary-of-the-operator',
      },
    });
    caller = await bench.caller('pro_max');
  });
  afterAll(async () => {
    const { checks } = await bench.server.app.get(ReconciliationService).run();
    expect(checks.filter((check) => check.isBroken)).toEqual([]);
    await bench.close();
    await Promise.all([openai.close(), anthropic.close(), google.close(), collector.close()]);
  });

  const ask = (model: string, more: object = {}) => ({
    model,
    messages: [{ role: 'user', content: CANARY }],
    ...more,
  });
  const inTrace = (traceId: string) => collector.trace(traceId, 'POST');
  const named = (spans: readonly CollectedSpan[], name: string) => spans.find((span) => span.name.startsWith(name))!;

  it('has the steps of a chat below its request, which goes on with the trace of the client', async () => {
    const { traceId, headers } = newTrace();
    const answer = await caller.chat(ask('gpt-5-mini', { max_tokens: 50 }), headers);
    expect(answer.status).toBe(200);
    const spans = await inTrace(traceId);
    expect(edges(spans)).toEqual([
      `${SPAN_ID} > POST /v1/chat/completions`,
      'POST /v1/chat/completions > admit',
      'POST /v1/chat/completions > chat gpt-5-mini',
      'POST /v1/chat/completions > reserve',
      'POST /v1/chat/completions > settle',
    ]);
    expect(named(spans, 'POST')).toMatchObject({
      kind: SIDES.server,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/chat/completions',
        'url.path': '/v1/chat/completions',
        'http.response.status_code': 200,
        'tollgate.request.id': answer.headers.get('x-request-id'),
      },
    });
    expect(named(spans, 'settle').attributes['tollgate.credits.charged']).toBe(answer.headers.get('x-credits-charged'));
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'tollgate', 'service.version': expect.any(String) });
    expect(collector.headers[0]).toMatchObject({ authorization: 'Bearer collector-key', 'x-team': 'llm' });
  });

  it.each([
    ['openai', 'gpt-5-mini', false],
    ['openai', 'gpt-5-mini', true],
    ['anthropic', 'claude-sonnet-4-5', false],
    ['anthropic', 'claude-sonnet-4-5', true],
    ['gcp.gemini', 'gemini-2.5-pro', false],
    ['gcp.gemini', 'gemini-2.5-pro', true],
  ] as const)('describes a call of %s (%s, stream: %s) by the conventions for generative AI', async (...given) => {
    const [provider, model, stream] = given;
    const { traceId, headers } = newTrace();
    expect((await caller.chat(ask(model, { max_tokens: 50, stream }), headers)).status).toBe(200);
    const spans = await inTrace(traceId);
    const span = named(spans, 'chat');
    const [row] = (await caller.ledger()).slice(-1);
    expect(span).toMatchObject({
      name: `chat ${span.attributes['gen_ai.request.model'] as string}`,
      kind: SIDES.client,
      status: 0,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': provider,
        'gen_ai.request.max_tokens': 50,
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': row!.input_tokens,
        'gen_ai.usage.output_tokens': row!.output_tokens,
      },
    });
    expect(span.attributes['gen_ai.response.model']).toEqual(expect.any(String));
    expect(span.attributes['gen_ai.request.stream']).toBe(stream ? true : undefined);
    const asked = { openai: openai.requests, anthropic: anthropic.calls, 'gcp.gemini': google.calls }[provider];
    const { headers: sent } = asked.at(-1)!;
    // The provider's own spans go below ours; what a client's vendor wrote about the trace is not for it.
    expect(sent['traceparent']).toBe(`00-${traceId}-${span.spanId}-01`);
    expect(sent['tracestate']).toBeUndefined();
  });

  it('shows each try of a provider, what it came to, and what was given back', async () => {
    openai.behave({ status: 503, statusTimes: 1 });
    const { traceId, headers } = newTrace();
    expect((await caller.chat(ask('gpt-5-mini', { max_tokens: 50 }), headers)).status).toBe(200);
    const tries = (await inTrace(traceId)).filter(({ name }) => name.startsWith('chat'));
    expect(tries.map(({ status, attributes }) => [status, attributes['error.type']])).toEqual([
      [2, 'ProviderFailure'],
      [0, undefined],
    ]);

    openai.behave({ status: 400 });
    const refused = newTrace();
    expect((await caller.chat(ask('gpt-5-mini', { max_tokens: 50 }), refused.headers)).status).toBe(400);
    const names = (await inTrace(refused.traceId)).map(({ name }) => name);
    expect(names).toContain('void');
    expect(names).not.toContain('settle');
    openai.behave({});
  });

  it('does not take a refusal for a fault', async () => {
    const { traceId, headers } = newTrace();
    expect((await caller.chat(ask('no-such-model'), headers)).status).toBe(404);
    const spans = await inTrace(traceId);
    expect(named(spans, 'admit')).toMatchObject({ status: 0, attributes: { 'error.type': 'model_not_found' } });
    expect(named(spans, 'POST')).toMatchObject({ status: 0, attributes: { 'http.response.status_code': 404 } });
  });

  it('begins a trace for a client that sends none, or one that cannot be read', async () => {
    for (const headers of [{}, { traceparent: 'nonsense' }] as Record<string, string>[]) {
      const answer = await caller.chat(HELLO, headers);
      const id = answer.headers.get('x-request-id');
      const root = await collector.find(
        ({ attributes, kind }) => attributes['tollgate.request.id'] === id && kind === SIDES.server,
      );
      expect(root.parentSpanId).toBeUndefined();
    }
  });

  it('follows the client that says that its trace is not kept', async () => {
    const { traceId, headers } = newTrace();
    await caller.chat(HELLO, { ...headers, traceparent: headers['traceparent']!.replace(/01$/, '00') });
    const kept = newTrace();
    await caller.chat(HELLO, kept.headers);
    await inTrace(kept.traceId);
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  it('describes embeddings too', async () => {
    const { traceId, headers } = newTrace();
    const body = { model: 'sandbox-embedding', input: CANARY };
    expect((await caller.post('/v1/embeddings', body, headers)).status).toBe(200);
    expect(named(await inTrace(traceId), 'embeddings').attributes).toMatchObject({
      'gen_ai.operation.name': 'embeddings',
      'gen_ai.provider.name': 'sandbox',
      'gen_ai.usage.input_tokens': expect.any(Number),
    });
  });

  it('sends nothing that a person wrote, and no key', () => {
    expect(collector.spans.length).toBeGreaterThan(30);
    expect(collector.received).not.toContain('canary');
    expect(collector.received).not.toContain(caller.token);
    expect(collector.received).not.toContain('Hello');
  });
});

describe('a server without a collector', () => {
  let bench: ChatBench;
  beforeAll(async () => {
    bench = await ChatBench.start();
  });
  afterAll(() => bench.close());

  it('makes no spans, and takes no notice of the trace of a client', async () => {
    expect(bench.server.app.get(Tracing)).toBeInstanceOf(NoTracing);
    const caller = await bench.caller();
    expect((await caller.chat(HELLO, newTrace().headers)).status).toBe(200);
  });
});
