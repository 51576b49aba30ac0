import { type ProviderEvent, ProviderFailure } from './chat-provider.js';
import { readCompletionStream } from './completion-stream.js';

const LABELS = { modelId: 'house-model', providerRequestId: 'req-1' };
const event = (body: object | string) => `data: ${typeof body === 'string' ? body : JSON.stringify(body)}\n\n`;
const said = (content: string) => event({ model: 'upstream-name', choices: [{ index: 0, delta: { content } }] });
const finished = event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const charged = event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });

async function read(...arrivals: string[]): Promise<{ lists: ProviderEvent[][]; error: unknown }> {
  const lists: ProviderEvent[][] = [];
  async function* body() {
    for (const text of arrivals) yield await Promise.resolve(Buffer.from(text));
  }
  try {
    for await (const list of readCompletionStream(body(), LABELS)) lists.push(list);
  } catch (error) {
    return { lists, error };
  }
  return { lists, error: null };
}

const kinds = (lists: ProviderEvent[][]) => lists.map((list) => list.map(({ kind }) => kind));

describe('the events of a streamed completion', () => {
  it('come together where they arrived together, labelled anew', async () => {
    const { lists, error } = await read(said('Hel') + said('lo'), finished + charged + event('[DONE]'));
    expect(error).toBeNull();
    expect(kinds(lists)).toEqual([
      ['chunk', 'chunk'],
      ['chunk', 'usage'],
    ]);
    expect(lists[0]![0]).toMatchObject({ chunk: { model: 'house-model', choices: [{ delta: { content: 'Hel' } }] } });
    expect(lists[1]![1]).toMatchObject({ usage: { inputTokens: 9, outputTokens: 4 }, providerRequestId: 'req-1' });
  });

  it('are whole wherever the bytes were cut, and no list is empty', async () => {
    const bytes = said('Hello') + finished;
    const { lists } = await read(...Array.from(bytes));
    expect(kinds(lists)).toEqual([['chunk'], ['chunk']]);
  });

  /** Removed once: the yield before the failure, and what the client would have read and paid for was lost. */
  it('are delivered up to what breaks the stream off, also when all of it came in one piece', async () => {
    const { lists, error } = await read(said('Hel') + said('lo') + event('{"broken'));
    expect(kinds(lists)).toEqual([['chunk', 'chunk']]);
    expect(error).toMatchObject({ message: 'the stream held something that is not JSON' });
  });

  // Removed once: the look at what the reason says. A stream that was cut in the middle was told and charged as a whole one.
  it('are no end without a reason that says something', async () => {
    const unfinished = event({ choices: [{ index: 0, delta: { content: 'Hel' }, finish_reason: '' }] });
    expect((await read(unfinished)).error).toMatchObject({ message: 'the provider broke the stream off' });
    expect((await read(unfinished + finished)).error).toBeNull();
  });

  // Planted: the look at the last chunk alone. One choice of two that was cut in the middle was told and charged as a whole one.
  it('are at their end once every choice is, without a word for the end of all', async () => {
    const choice = (index: number, reason: string | null) =>
      event({ choices: [{ index, delta: { content: 'Hel' }, finish_reason: reason }] });
    const broken = { message: 'the provider broke the stream off' };
    expect((await read(choice(0, null), choice(1, null), choice(0, 'stop'))).error).toMatchObject(broken);
    expect((await read(choice(0, null), choice(1, 'stop'), choice(0, 'stop'))).error).toBeNull();
    // As OpenRouter tells the usage.
    const usage = event({ choices: [{ index: 0, delta: { content: '' }, finish_reason: null }], usage: null });
    expect((await read(choice(0, 'stop'), usage)).error).toBeNull();
  });

  // Planted: the break as it came. A client that had all of its answer was told that it had failed.
  it('are whole where the connection breaks after the end of every choice, and not before', async () => {
    const broken = new ProviderFailure('the provider broke its answer off');
    async function* body(...arrivals: string[]) {
      for (const text of arrivals) yield await Promise.resolve(Buffer.from(text));
      throw broken;
    }
    const readAll = async (...arrivals: string[]) => {
      for await (const list of readCompletionStream(body(...arrivals), LABELS)) void list;
    };
    await expect(readAll(said('Hel'), finished)).resolves.toBeUndefined();
    await expect(readAll(said('Hel'))).rejects.toBe(broken);
  });

  it.each([[{}], [[]], [['sealed']], ['sealed'], [null]])(
    'go on without thinking blocks that are none: %j',
    async (blocks) => {
      const thought = event({ choices: [{ index: 0, delta: { content: 'Hi', thinking_blocks: blocks } }] });
      const { lists } = await read(thought + finished);
      expect(lists[0]![0]).toEqual({
        kind: 'chunk',
        chunk: { model: 'house-model', choices: [{ index: 0, delta: { content: 'Hi' } }] },
      });
    },
  );

  // Removed once: the look for choices without a delta. The answer broke off in the middle.
  it('leave out what a filter reports beside the answer', async () => {
    const filtered = event({
      choices: [{ index: 0, finish_reason: null, content_filter_offsets: { check_offset: 1 } }],
      usage: { prompt_tokens: 9, completion_tokens: 4 },
    });
    const { lists, error } = await read(said('Hel') + filtered + said('lo'), finished + filtered);
    expect(error).toBeNull();
    expect(kinds(lists)).toEqual([
      ['chunk', 'usage', 'chunk'],
      ['chunk', 'usage'],
    ]);
  });

  it('may end without a delta', async () => {
    const { lists, error } = await read(said('Hel') + event({ choices: [{ index: 0, finish_reason: 'stop' }] }));
    expect(error).toBeNull();
    expect(lists[0]![1]).toMatchObject({ chunk: { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] } });
  });

  it.each([[[null]], [{}], [undefined]])('are nothing else: choices of %j', async (choices) => {
    const { error } = await read(event({ choices }));
    expect(error).toMatchObject({ message: 'the stream held something that is no chunk of a chat completion' });
  });

  it('need an end: a mark, or a finish reason of every choice', async () => {
    expect((await read(said('Hel'))).error).toMatchObject({ message: 'the provider broke the stream off' });
    expect((await read(said('Hel') + finished)).error).toBeNull();
    const { lists, error } = await read(event('[DONE]') + said('more'), said('and more'));
    expect({ lists, error }).toEqual({ lists: [], error: null });
  });
});
