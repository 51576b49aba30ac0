import { inputBound, readPrompt } from '../prompt.js';
import { generatedText } from '../wire/chat-answer.js';
import { parseChat } from '../wire/parse-chat.js';
import type { ProviderEvent, ProviderRequest } from './chat-provider.js';
import { SandboxProvider } from './sandbox.provider.js';

const sandbox = new SandboxProvider();
const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, unit: { enum: ['c', 'f'] } },
      required: ['city', 'unit'],
    },
  },
}));

function request(model: string, change: Record<string, unknown> = {}, assumed = {}): ProviderRequest {
  const raw = { model, messages: [{ role: 'user', content: 'Hello, sandbox!' }], ...change };
  return {
    requestId: '0197c000-0000-7000-8000-000000000001',
    userId: '0197c000-0000-7000-8000-000000000002',
    createdAt: new Date(1_700_000_000_000),
    model: { id: model, name: model },
    body: parseChat(raw, { dropUnsupported: false }).body,
    parameters: { max_tokens: 100 },
    assumed: { inputTokens: 31, imageTokens: 0, outputTokensPerChoice: 100, choices: 1, ...assumed },
  };
}

function complete(made: ProviderRequest, signal = new AbortController().signal) {
  return sandbox.complete(made, signal);
}

async function stream(made: ProviderRequest): Promise<{ events: ProviderEvent[]; error: unknown }> {
  const events: ProviderEvent[] = [];
  try {
    for await (const arrived of sandbox.stream(made, new AbortController().signal)) events.push(...arrived);
  } catch (error) {
    return { events, error };
  }
  return { events, error: null };
}

function textOf(events: ProviderEvent[]): string {
  return events.map((event) => (event.kind === 'chunk' ? generatedText(event.chunk) : '')).join('');
}

describe('the sandbox', () => {
  it('echoes the last user message, the same way each time, inside the bound', async () => {
    const made = request('sandbox-echo');
    const first = await complete(made);
    expect(first.completion.choices[0]).toMatchObject({
      message: { content: 'Hello, sandbox!' },
      finish_reason: 'stop',
    });
    expect(first.usage).toMatchObject({ inputTokens: 4 + 4, outputTokens: 4 });
    expect(await complete(made)).toEqual(first);
    const bound = inputBound(readPrompt(made.body), { toolPromptTokens: 0, imageTokensMax: 1_000 });
    expect(first.usage?.inputTokens).toBeLessThanOrEqual(bound);
  });

  it('stops at the output limit, between characters', async () => {
    const made = request(
      'sandbox-echo',
      { messages: [{ role: 'user', content: 'äöüäöü' }] },
      { outputTokensPerChoice: 1 },
    );
    const { completion, usage } = await complete(made);
    expect(completion.choices[0]).toMatchObject({ message: { content: 'äö' }, finish_reason: 'length' });
    expect(usage?.outputTokens).toBe(1);
  });

  it('answers as often as asked and counts every choice', async () => {
    const { completion, usage } = await complete(request('sandbox-echo', {}, { choices: 3 }));
    expect(completion.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    expect(usage?.outputTokens).toBe(12);
  });

  it('streams what it would answer, then the same usage', async () => {
    const made = request('sandbox-echo');
    const { events } = await stream(made);
    expect(textOf(events)).toBe('Hello, sandbox!');
    expect(events.at(-1)).toMatchObject({ kind: 'usage', usage: (await complete(made)).usage });
  });

  it.each([
    ['required', 'What now?', 'get_weather'],
    [{ type: 'function', function: { name: 'get_time' } }, 'What now?', 'get_time'],
    [undefined, 'Please use get_time for Paris', 'get_time'],
  ])('calls a tool when tool_choice is %j', async (tool_choice, content, name) => {
    const made = request('sandbox-echo', { tools: TOOLS, tool_choice, messages: [{ role: 'user', content }] });
    const { completion } = await complete(made);
    const [choice] = completion.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBeNull();
    expect(choice?.message.tool_calls?.[0]?.function).toEqual({ name, arguments: '{"city":"sandbox","unit":"c"}' });
    expect(textOf((await stream(made)).events)).toContain(name);
  });

  it('speaks once it has the answer of a tool, and when no tool is asked for', async () => {
    const tool_calls = [{ id: 'call_1', type: 'function', function: { name: 'get_time', arguments: '{}' } }];
    const answered = await complete(
      request('sandbox-echo', {
        tools: TOOLS,
        messages: [
          { role: 'user', content: 'Use get_time' },
          { role: 'assistant', content: null, tool_calls },
          { role: 'tool', tool_call_id: 'call_1', content: 'noon' },
        ],
      }),
    );
    expect(answered.completion.choices[0]?.message.content).toBe('noon');
    const unasked = await complete(request('sandbox-echo', { tools: TOOLS }));
    expect(unasked.completion.choices[0]?.finish_reason).toBe('stop');
  });

  it('sees images', async () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    ];
    const { completion, usage } = await complete(
      request('sandbox-vision', { messages: [{ role: 'user', content }] }, { imageTokens: 1_000 }),
    );
    expect(completion.choices[0]?.message.content).toBe('What is this? [1 image]');
    expect(usage).toMatchObject({ imageTokens: 1_000, inputTokens: 4 + 4 + 1_000 });
  });

  it('reports what the hold assumed, nothing, or zero, as the model says', async () => {
    const exact = await complete(request('sandbox-exact', {}, { choices: 2 }));
    expect(exact.usage).toMatchObject({ inputTokens: 31, outputTokens: 200 });
    expect((await complete(request('sandbox-no-usage'))).usage).toBeNull();
    expect((await complete(request('sandbox-zero-usage'))).usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });

  it('fails, and drops its streams, as the model says', async () => {
    await expect(complete(request('sandbox-error-500'))).rejects.toThrow('status 500');
    await expect(complete(request('sandbox-drop-mid-stream'))).rejects.toThrow('the connection broke');
    const { events, error } = await stream(request('sandbox-drop-mid-stream'));
    expect(textOf(events)).toBe('Hello, sandb');
    expect(error).toMatchObject({ message: 'the connection broke' });
  });

  it('waits without end for its caller to give up', async () => {
    const patience = AbortSignal.timeout(20);
    await expect(complete(request('sandbox-timeout'), patience)).rejects.toThrow();
    expect(patience.aborted).toBe(true);
  });
});
