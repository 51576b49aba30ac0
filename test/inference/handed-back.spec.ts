import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodFunction, zodResponsesFunction } from 'openai/helpers/zod';
import type { ResponseInput } from 'openai/resources/responses/responses';
import { z } from 'zod';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';

const MODEL = 'sandbox-echo';
const CLAUDE = 'claude-sonnet-4-5';
const ASK = { role: 'user' as const, content: 'Use get_weather for Paris' };
const City = z.object({ city: z.string() });

describe('what the official clients make of an answer and hand back as it is', () => {
  let mock: AnthropicMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new AnthropicMock().start();
    bench = await ChatBench.start({ env: { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: 'sk-ant-operator' } });
  });
  beforeEach(async () => {
    mock.behave({});
    mock.calls.length = 0;
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  it('a message of chat completions with what was parsed of it', async () => {
    const tools = [zodFunction({ name: 'get_weather', parameters: City })];
    const { choices } = await caller.openai.chat.completions.parse({ model: MODEL, messages: [ASK], tools });
    const { message } = choices[0]!;
    const call = message.tool_calls?.[0];
    if (call?.type !== 'function') throw new Error('no tool was called');
    expect(call.function.parsed_arguments).toEqual({ city: 'sandbox' });
    expect(message).toHaveProperty('parsed');
    const result = { role: 'tool' as const, tool_call_id: call.id, content: 'Sunny' };
    const next = { model: MODEL, messages: [ASK, message, result], tools };
    expect((await caller.openai.chat.completions.parse(next)).choices[0]?.message.content).toBe('Sunny');
  });

  it.each(['parse', 'stream'] as const)('the output of a response, by %s', async (way) => {
    const { responses } = caller.openai;
    const ask = {
      model: MODEL,
      input: [ASK],
      tools: [zodResponsesFunction({ name: 'get_weather', parameters: City })],
    };
    const { output } = way === 'parse' ? await responses.parse(ask) : await responses.stream(ask).finalResponse();
    const [call] = output;
    if (call?.type !== 'function_call') throw new Error('no tool was called');
    expect(call.parsed_arguments).toEqual({ city: 'sandbox' });
    const result = { type: 'function_call_output' as const, call_id: call.call_id, output: 'Sunny' };
    // The types of what is answered and of what is sent differ in kinds of items that nobody sends here.
    const next = { ...ask, input: [ASK, ...output, result] as ResponseInput };
    const answered = way === 'parse' ? await responses.parse(next) : await responses.stream(next).finalResponse();
    expect(answered.output_text).toBe('Sunny');
    const thanks = { ...ASK, content: 'Thanks' };
    const again = { ...next, input: [...next.input, ...answered.output, thanks] as ResponseInput };
    expect((await responses.create(again)).output_text).toBe('Thanks');
  });

  // Removed once: the words in which it is told that no conversation is kept.
  it.each([false, true])('a conversation that a tool runner would have kept here (stream: %s)', async (stream) => {
    const client = await caller.anthropic({ maxRetries: 0 });
    const run = ({ city }: z.infer<typeof City>) => `Sunny in ${city}`;
    const tools = [betaZodTool({ name: 'get_weather', description: 'The weather', inputSchema: City, run })];
    const runner = client.beta.messages.toolRunner({ model: MODEL, max_tokens: 100, messages: [ASK], tools, stream });
    expect((await runner.runUntilDone()).content).toMatchObject([{ type: 'text', text: 'Sunny in sandbox' }]);
    expect((await caller.ledger()).map(({ operation }) => operation)).toEqual(['function_call', 'chat']);
  });

  it('a call of a tool with as long a name as Anthropic takes', async () => {
    const client = await caller.anthropic();
    const tool = (name: string) => ({ name, input_schema: { type: 'object' as const } });
    const ask = (name: string) => {
      const messages = [{ ...ASK, content: `Use ${name}` }];
      return client.messages.create({ model: MODEL, max_tokens: 200, messages, tools: [tool(name)] });
    };
    const long = 'n'.repeat(128);
    const { content } = await ask(long);
    expect(content).toMatchObject([{ type: 'tool_use', name: long }]);
    const turns = [ASK, { role: 'assistant' as const, content }, ASK];
    const next = await client.messages.create({ model: MODEL, max_tokens: 200, messages: turns });
    expect(next.stop_reason).toBe('end_turn');
    await expect(ask(`${long}n`)).rejects.toThrow(/1 to 128 letters/);
  });

  it.each(['auto', 'concise', 'detailed'] as const)('a response that may be summarised as %s', async (summary) => {
    const ask = { model: MODEL, input: 'Hello', reasoning: { summary } };
    expect((await caller.openai.responses.create(ask)).output_text).toBe('Hello');
  });

  it('a thread is refused by name, with the others that are unknown', async () => {
    const ask = { model: MODEL, max_tokens: 100, messages: [ASK], thread: { type: 'create' }, colour: 'red' };
    const { status, body } = await caller.post('/v1/messages', ask);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'unknown_parameter',
          details: {
            parameters: ['thread', 'colour'],
            error_code: 'thread_unsupported_request',
            unsupported: ['thread'],
          },
        },
      },
    });
    // Left out, the next turn would come without those before it.
    const dropping = await caller.post('/v1/messages', ask, { 'x-unsupported-parameters': 'drop' });
    expect(dropping.body['error']).toMatchObject({ details: { parameters: ['thread'], unsupported: ['thread'] } });
    const { thread: _, ...rest } = ask;
    const other = await caller.post('/v1/messages', rest);
    expect(other.body['error']).not.toHaveProperty('details.error_code');
  });

  // Removed once: the sequence, in a whole message and in a stream.
  it.each([false, true])('the sequence that a message stopped at (stream: %s)', async (stream) => {
    const client = await caller.anthropic();
    const ask = { model: CLAUDE, max_tokens: 100, messages: [ASK], stop_sequences: ['END'] };
    const answer = () => (stream ? client.messages.stream(ask).finalMessage() : client.messages.create(ask));
    mock.behave({ stopSequence: 'END' });
    expect(await answer()).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END' });
    mock.behave({});
    expect(await answer()).toMatchObject({ stop_reason: 'end_turn', stop_sequence: null });
    mock.behave({ stopSequence: 'none of those' });
    expect(await answer()).toMatchObject({ stop_reason: 'end_turn', stop_sequence: null });
  });

  it.each([
    ['/v1/messages', { max_tokens: 100, messages: [ASK], tool_choice: { type: 'any' } }],
    ['/v1/messages', { max_tokens: 100, messages: [ASK], tools: [], tool_choice: { type: 'tool', name: 'look' } }],
    ['/v1/responses', { input: 'Hello', tool_choice: 'required' }],
    ['/v1/responses', { input: [{ ...ASK }], tools: [], tool_choice: { type: 'function', name: 'look' } }],
  ])('no answer over %s to who asks for a call and gives no tools', async (route, ask) => {
    const { status, body } = await caller.post(route, { model: MODEL, ...ask });
    expect({ status, body }).toMatchObject({ status: 400, body: { error: { param: 'tool_choice' } } });
    expect(JSON.stringify(body)).toContain('give tools, or leave it out');
  });
});
