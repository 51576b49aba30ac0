import { GoogleGenAI } from '@google/genai';
import type OpenAI from 'openai';
import { GoogleMock } from '../support/google-mock.js';
import { dataUri, png } from '../support/images.js';
import { type Caller, ChatBench } from './chat-bench.js';

const API_KEY = 'AIza-canary-of-the-operator';
const MODEL = 'gemini-2.5-pro';
const QUESTION = { role: 'user' as const, content: 'How many words are in this question?' };
const CHAT = { model: MODEL, messages: [QUESTION] };
const USAGE = {
  promptTokenCount: 1_000,
  cachedContentTokenCount: 400,
  candidatesTokenCount: 80,
  thoughtsTokenCount: 150,
  totalTokenCount: 1_230,
};
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

describe('the mock of Google', () => {
  it('speaks the Gemini API as the official SDK expects it', async () => {
    await using mock = await new GoogleMock().start();
    const client = new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: mock.origin } });
    const ask = { model: MODEL, contents: QUESTION.content };
    mock.behave({
      thought: 'Let me see.',
      text: 'Seven words.',
      functionCall: { name: 'get_weather', args: { city: 'Oslo' } },
      usage: USAGE,
    });
    const plain = await client.models.generateContent(ask);
    expect(plain.text).toBe('Seven words.');
    expect(plain.functionCalls).toMatchObject([{ name: 'get_weather', args: { city: 'Oslo' } }]);
    let text = '';
    let last;
    for await (const chunk of await client.models.generateContentStream(ask)) {
      text += (chunk.candidates?.[0]?.content?.parts ?? [])
        .map((part) => (part.thought ? '' : (part.text ?? '')))
        .join('');
      last = chunk;
    }
    expect(text).toBe('Seven words.');
    expect(last?.usageMetadata).toEqual(plain.usageMetadata);
    expect(last?.candidates?.[0]?.finishReason).toBe('STOP');
    mock.behave({ status: 400 });
    await expect(client.models.generateContent(ask)).rejects.toMatchObject({ status: 400 });
  });
});

describe('a model of Google', () => {
  let mock: GoogleMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new GoogleMock().start();
    bench = await ChatBench.start({
      env: { GOOGLE_BASE_URL: mock.baseUrl, GOOGLE_API_KEY: API_KEY, PROVIDER_TIMEOUT_MS: '600' },
    });
    bench.keepCircuitsClosed();
  });
  beforeEach(async () => {
    mock.behave({});
    mock.calls.length = 0;
    caller = await bench.caller('pro_max');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  it('is asked in its own words, with the operator key and the limit that was held', async () => {
    const answer = await caller.chat({
      model: MODEL,
      messages: [{ role: 'system', content: 'Be brief.' }, QUESTION],
      temperature: 0.3,
      top_k: 5,
      stop: ['END'],
      max_tokens: 300,
    });
    expect(answer.status).toBe(200);
    expect(mock.calls[0]?.path).toBe(`/v1beta/models/${MODEL}:generateContent`);
    expect(mock.calls[0]?.headers).toMatchObject({ 'x-goog-api-key': API_KEY });
    expect(mock.calls[0]?.body).toEqual({
      generationConfig: { maxOutputTokens: 300, temperature: 0.3, topK: 5, stopSequences: ['END'] },
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [{ role: 'user', parts: [{ text: QUESTION.content }] }],
    });
  });

  // Removed once: the thinking was sent on.
  it('is not shown what another provider signed', async () => {
    const said = { role: 'assistant', content: 'Seven.' };
    const thinking_blocks = [{ type: 'thinking', thinking: 'Hm.', signature: 'of another' }];
    const messages = [...CHAT.messages, { ...said, thinking_blocks }, ...CHAT.messages];
    expect((await caller.chat({ ...CHAT, messages })).status).toBe(200);
    expect(mock.calls).toHaveLength(1);
    expect(JSON.stringify(mock.calls)).not.toContain('Hm.');
  });

  // Planted: thoughts left out of the output.
  it.each([false, true])('is charged all it counted, thoughts included, once (stream: %s)', async (stream) => {
    mock.behave({ usage: USAGE, thought: 'Seven, I think.', text: 'Seven words.' });
    const ask = { ...CHAT, reasoning_effort: 'low' as const };
    const message = stream
      ? (await caller.openai.chat.completions.stream(ask).finalChatCompletion()).choices[0]!.message
      : (await caller.openai.chat.completions.create(ask)).choices[0]!.message;
    expect(message).toMatchObject({ content: 'Seven words.' });
    expect(await caller.ledger()).toMatchObject([
      {
        provider: 'google',
        usage_source: 'provider',
        outcome: 'completed',
        input_tokens: 1_000,
        cached_input_tokens: 400,
        output_tokens: 230,
        reasoning_tokens: 150,
      },
    ]);
    expect(mock.calls[0]?.body['generationConfig']).toMatchObject({ thinkingConfig: { includeThoughts: true } });
  });

  // Planted: thoughts left out of the answer of Messages; a call of Responses without its arguments.
  it.each([false, true])('answers the clients of the other wire formats (stream: %s)', async (stream) => {
    mock.behave({ thought: 'Seven, I think.', text: 'Seven words.', functionCall: { name: 'get_weather', args: {} } });
    const anthropic = await caller.anthropic();
    const { function: offered } = TOOLS[0]!;
    const say = {
      model: MODEL,
      max_tokens: 300,
      messages: [QUESTION],
      tools: [{ name: offered.name, input_schema: { ...offered.parameters, type: 'object' as const } }],
    };
    const { content, stop_reason } = stream
      ? await anthropic.messages.stream(say).finalMessage()
      : await anthropic.messages.create(say);
    expect(stop_reason).toBe('tool_use');
    expect(content).toMatchObject([
      { type: 'thinking', thinking: 'Seven, I think.', signature: '' },
      { type: 'text', text: 'Seven words.' },
      { type: 'tool_use', name: 'get_weather', input: {} },
    ]);
    const ask = {
      model: MODEL,
      max_output_tokens: 300,
      input: QUESTION.content,
      store: false,
      tools: [{ type: 'function' as const, name: offered.name, parameters: offered.parameters, strict: false }],
    };
    const { output } = stream
      ? await caller.openai.responses.stream(ask).finalResponse()
      : await caller.openai.responses.create(ask);
    expect(output).toMatchObject([
      { type: 'reasoning' },
      { type: 'message', content: [{ text: 'Seven words.' }] },
      { type: 'function_call', name: 'get_weather', arguments: '{}' },
    ]);
    // The same conversation costs the same, however it is written.
    const rows = await caller.ledger();
    expect(rows).toHaveLength(2);
    expect(new Set(rows.map((row) => row.output_tokens)).size).toBe(1);
  });

  it.each([false, true])('calls tools and takes their results (stream: %s)', async (stream) => {
    mock.behave({ functionCall: { name: 'get_weather', args: { city: 'Oslo' } } });
    const ask = { ...CHAT, tools: TOOLS, tool_choice: 'required' as const };
    const { choices } = stream
      ? await caller.openai.chat.completions.stream(ask).finalChatCompletion()
      : await caller.openai.chat.completions.create(ask);
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = (choices[0]?.message.tool_calls ?? []) as OpenAI.ChatCompletionMessageFunctionToolCall[];
    expect(call?.function).toMatchObject({ name: 'get_weather', arguments: '{"city":"Oslo"}' });
    expect(mock.calls[0]?.body).toMatchObject({
      tools: [{ functionDeclarations: [{ name: 'get_weather' }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    });

    mock.behave({ text: 'It rains.' });
    await caller.openai.chat.completions.create({
      ...CHAT,
      messages: [
        QUESTION,
        { role: 'assistant', tool_calls: [call!] },
        { role: 'tool', tool_call_id: call!.id, content: 'rain' },
      ],
      tools: TOOLS,
    });
    expect(mock.calls[1]?.body['contents']).toMatchObject([
      { role: 'user' },
      { role: 'model', parts: [{ functionCall: { name: 'get_weather', args: { city: 'Oslo' } } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'get_weather' } }] },
    ]);
    expect((await caller.ledger()).map((row) => row.operation)).toEqual(['function_call', 'chat']);
  });

  // Planted: a turn of its own for each result.
  it('takes the results of several calls as one turn', async () => {
    const call = (id: string, city: string) => ({
      id,
      type: 'function' as const,
      function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
    });
    const answer = await caller.chat({
      ...CHAT,
      messages: [
        QUESTION,
        { role: 'assistant', tool_calls: [call('call_1', 'Oslo'), call('call_2', 'Rome')] },
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
        { role: 'tool', tool_call_id: 'call_2', content: 'sun' },
      ],
      tools: TOOLS,
    });
    expect(answer.status).toBe(200);
    expect(mock.calls[0]?.body['contents']).toMatchObject([
      { role: 'user' },
      { role: 'model', parts: [{ functionCall: {} }, { functionCall: {} }] },
      {
        role: 'user',
        parts: [
          { functionResponse: { response: { content: 'rain' } } },
          { functionResponse: { response: { content: 'sun' } } },
        ],
      },
    ]);
  });

  it('answers in the shape of a schema, or in JSON of any shape', async () => {
    mock.behave({ text: '{"count":7}' });
    const schema = { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] };
    await caller.openai.chat.completions.create({
      ...CHAT,
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
    });
    await caller.openai.chat.completions.create({ ...CHAT, response_format: { type: 'json_object' } });
    expect(mock.calls.map((call) => call.body['generationConfig'])).toMatchObject([
      { responseMimeType: 'application/json', responseJsonSchema: schema },
      { responseMimeType: 'application/json' },
    ]);
  });

  it('is shown images, and what it counts for them is on the ledger', async () => {
    const promptTokensDetails = [
      { modality: 'TEXT', tokenCount: 742 },
      { modality: 'IMAGE', tokenCount: 258 },
    ];
    mock.behave({ usage: { ...USAGE, promptTokensDetails } });
    const url = dataUri('image/png', png(64, 64));
    const image = { type: 'image_url', image_url: { url } };
    const answer = await caller.chat({ model: MODEL, messages: [{ role: 'user', content: [image] }] });
    expect(answer.status).toBe(200);
    expect(mock.calls[0]?.body['contents']).toMatchObject([
      { parts: [{ inlineData: { mimeType: 'image/png', data: url.split(',')[1] } }] },
    ]);
    expect(await caller.ledger()).toMatchObject([{ image_count: 1, image_tokens: 258 }]);
  });

  it.each([false, true])(
    'says so where a filter stops it, and is charged what it counted (stream: %s)',
    async (stream) => {
      mock.behave({
        blockReason: 'SAFETY',
        usage: { promptTokenCount: 9, candidatesTokenCount: 0, totalTokenCount: 9 },
      });
      const answer = await caller.chat({ ...CHAT, stream });
      expect(JSON.stringify(answer.body)).toContain('content_filter');
      expect(await caller.ledger()).toMatchObject([{ input_tokens: 9, output_tokens: 0, usage_source: 'provider' }]);
    },
  );

  it.each([false, true])(
    'is charged an estimate, marked as such, where it reports no usage (stream: %s)',
    async (stream) => {
      mock.behave({ usage: null });
      expect((await caller.chat({ ...CHAT, stream })).status).toBe(200);
      const [row] = await caller.ledger();
      expect(row).toMatchObject({ usage_source: 'estimated', outcome: 'completed' });
      expect(row!.output_tokens).toBeGreaterThan(0);
    },
  );

  it.each([false, true])('is charged nothing for a usage of zero (stream: %s)', async (stream) => {
    mock.behave({ usage: { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 } });
    expect((await caller.chat({ ...CHAT, stream })).status).toBe(200);
    expect(await caller.ledger()).toMatchObject([{ usage_source: 'provider', credits_ucr: '0' }]);
  });

  it.each([
    ['a refused request', { status: 400 }, 400, 'provider_rejected', 'mock status 400'],
    ['refused credentials', { status: 400, message: 'API key not valid.' }, 502, 'provider_error', 'status 400'],
    ['a rate limit', { status: 429 }, 502, 'provider_error', 'status 429'],
    ['no JSON', { rawBody: '<html>' }, 502, 'provider_error', 'protocol'],
    ['silence', { delayMs: 1_500 }, 504, 'provider_timeout', ''],
  ])('costs nothing and leaves no hold after %s', async (...[, behaviour, status, code, message]) => {
    mock.behave(behaviour);
    for (const stream of [false, true]) {
      const refused = await caller.refusedChat({ ...CHAT, stream });
      expect(refused).toMatchObject({ status, error: { code } });
      if (!stream) expect(refused.error.message).toContain(message);
      expect(JSON.stringify(refused)).not.toContain(API_KEY);
    }
  });

  it.each([
    ['several choices', { n: 2 }, 'parameter_constraint_violation', 'n'],
    ['penalties', { presence_penalty: 1 }, 'parameter_constraint_violation', 'presence_penalty'],
    ['one tool at a time', { tools: TOOLS, parallel_tool_calls: false }, 'provider_rejected', 'parallel_tool_calls'],
  ])('is not asked for what it does not offer: %s', async (_name, change, code, message) => {
    const refused = await caller.refusedChat({ ...CHAT, ...change });
    expect(refused).toMatchObject({ status: 400, error: { code } });
    expect(refused.error.message).toContain(message);
    expect(mock.calls).toEqual([]);
  });

  it('is charged what arrived, counted, when a stream is cut that told no usage', async () => {
    mock.behave({ text: 'one two three four five six', cutAfterEvents: 3, usage: null });
    const answer = await caller.chat({ ...CHAT, stream: true });
    expect(answer.body['text']).toContain('provider_error');
    expect(answer.body['text']).not.toContain('[DONE]');
    expect(await caller.ledger()).toMatchObject([{ usage_source: 'estimated', outcome: 'provider_error' }]);
  });

  // Removed once: the look at what the answer was. A conversation with an empty answer, all of it thought, could not go on.
  it.each(['', ' \n'])('is not shown an answer that was none: %j', async (content) => {
    const messages = [QUESTION, { role: 'assistant', content }, { role: 'user', content: 'Well?' }];
    expect((await caller.chat({ ...CHAT, messages })).status).toBe(200);
    expect(JSON.stringify(mock.calls[0]?.body)).toContain('Well?');
  });

  it('bills together what the ledger says', async () => {
    await mock.idle();
    const before = { ...mock.billed };
    await Promise.all(Array.from({ length: 6 }, (_, index) => caller.chat({ ...CHAT, stream: index % 2 === 0 })));
    const rows = await caller.ledger();
    expect(rows).toHaveLength(6);
    const sum = (pick: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + pick(row), 0);
    expect(sum((row) => row.input_tokens)).toBe(mock.billed.inputTokens - before.inputTokens);
    expect(sum((row) => row.output_tokens)).toBe(mock.billed.outputTokens - before.outputTokens);
  });
});
