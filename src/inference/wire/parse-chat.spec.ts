import { AppError } from '../../common/errors/app-error.js';
import { parseChat, type ParsedChat } from './parse-chat.js';

const HELLO = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] };

function parse(body: unknown, dropUnsupported = false): ParsedChat {
  return parseChat(body, { dropUnsupported });
}

function refusal(body: unknown, dropUnsupported = false): AppError {
  try {
    parse(body, dropUnsupported);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('the body was accepted');
}

function fieldsOf(error: AppError): string[] {
  return error.errors.map((fault) => fault.field);
}

describe('parseChat', () => {
  it('takes what the official client sends', () => {
    const { body, dropped } = parse({
      ...HELLO,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'developer', content: [{ type: 'text', text: 'In English.' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          refusal: null,
          annotations: [],
          audio: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
      ],
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
      tool_choice: 'auto',
      n: 1,
      temperature: null,
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: {}, strict: true } },
      stream: true,
      stream_options: { include_usage: true },
      metadata: { screen: 'editor' },
    });
    expect(body.messages).toHaveLength(5);
    expect(dropped).toEqual([]);
  });

  it('names every unknown field, at every depth', () => {
    const error = refusal({
      ...HELLO,
      colour: 'red',
      size: 3,
      messages: [{ role: 'user', content: 'x', mood: 'good' }],
    });
    expect(error).toMatchObject({ code: 'unknown_parameter', status: 400, param: 'colour' });
    expect(error.details['parameters']).toEqual(['colour', 'size', 'messages[0].mood']);
  });

  it.each([
    ['service_tier', 'flex'],
    ['web_search_options', {}],
    ['prediction', { type: 'content', content: 'x' }],
    ['modalities', ['text', 'audio']],
    ['audio', { voice: 'alloy', format: 'mp3' }],
    ['store', true],
    ['completion_batch', 1],
  ])('refuses %s, which would change the price', (field, value) => {
    const error = refusal({ ...HELLO, [field]: value });
    expect(error).toMatchObject({ code: 'unsupported_parameter', status: 400, param: field });
    expect(error.details['parameters']).toEqual([field]);
  });

  it.each([
    ['service_tier', 'default'],
    ['store', false],
    ['modalities', ['text']],
    ['audio', null],
  ])('passes %s where its value stands for its absence, and does not send it', (field, value) => {
    const { body, dropped } = parse({ ...HELLO, [field]: value });
    expect(Object.keys(body)).toEqual(['model', 'messages']);
    expect(dropped).toEqual([]);
  });

  it('drops unknown and unsupported fields by name when the caller asks for that', () => {
    const { body, dropped } = parse({ ...HELLO, colour: 'red', store: true }, true);
    expect(body).toEqual(HELLO);
    expect(dropped).toEqual(['colour', 'store']);
  });

  // Removed once: the dropping inside. The refusal of such a member gave the advice to ask for it.
  it('drops those further inside, too, also beside what is wrong otherwise', () => {
    const part = { type: 'text', text: 'Hello' };
    const sent = {
      ...HELLO,
      colour: 'red',
      stream_options: { speed: 1, include_usage: true },
      messages: [HELLO.messages[0], { role: 'user', content: [part, { ...part, mood: 'good', tone: 'low' }] }],
    };
    const before = structuredClone(sent);
    const { body, dropped } = parse(sent, true);
    expect(body).toEqual({
      ...HELLO,
      stream_options: { include_usage: true },
      messages: [HELLO.messages[0], { role: 'user', content: [part, part] }],
    });
    const [mood, tone] = ['mood', 'tone'].map((name) => `messages[1].content[1].${name}`);
    expect(dropped).toEqual(['colour', mood, tone, 'stream_options.speed']);
    expect(sent).toEqual(before);
    expect(fieldsOf(refusal({ ...sent, stream: 'yes' }, true))).toEqual(['stream']);
  });

  it('drops no more than an answer can name', () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`x${index}`, 1]));
    const sent = { ...HELLO, messages: [{ ...HELLO.messages[0], ...many }] };
    expect(refusal(sent, true).errors[0]).toEqual({ field: 'body', message: 'must have at most 32 fields to drop' });
    expect(refusal({ ...HELLO, ...many }, true).errors[0]).toMatchObject({ field: 'body' });
  });

  // Planted: every item counted; forty messages with the same member were refused, and ten thousand took seconds.
  it('drops the same member of many items as one', () => {
    const [hello] = HELLO.messages;
    const marked = Array.from({ length: 10_000 }, (_, mood) => ({ ...hello, mood }));
    const { body, dropped } = parse(
      { ...HELLO, messages: [...marked.slice(1), { ...hello, mood: 1, tone: 'low' }] },
      true,
    );
    expect(body.messages).toEqual(marked.map(() => hello));
    expect(dropped).toEqual(['messages.*.mood', 'messages[9999].tone']);
  });

  // Removed once: the cut of a name at the top, inside, and of what is dropped; the end of the list.
  it('T26 repeats of names no more than a part, and of many no more than some', () => {
    const long = 'k'.repeat(100_000);
    const sent = { ...HELLO, [long]: 1, messages: [{ ...HELLO.messages[0], [long]: 1 }] };
    const error = refusal(sent);
    expect(error.message.length + JSON.stringify(error.details).length).toBeLessThan(1_000);
    expect(error.details['parameters']).toEqual([`${'k'.repeat(128)}…`, `messages[0].${'k'.repeat(116)}…`]);
    expect(parse(sent, true).dropped).toEqual(error.details['parameters']);
    const failed = refusal({ ...sent, stream: 'yes', metadata: { [long]: 'x' } });
    expect(JSON.stringify(failed.errors).length).toBeLessThan(1_000);
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x${index}`, 1]));
    expect(refusal({ ...HELLO, ...many }).details['parameters']).toHaveLength(100);
  });

  it('names every failed field at once', () => {
    const error = refusal({
      model: 7,
      messages: [
        { role: 'wizard', content: 'x' },
        { role: 'user', content: [{ type: 'image_url', image_url: {} }] },
        { role: 'tool', content: 'x' },
      ],
      tools: [{ type: 'function', function: { name: 'not a name' } }],
      stream: 'yes',
      extra: true,
    });
    expect(error).toMatchObject({ code: 'invalid_request', status: 400 });
    expect(fieldsOf(error)).toEqual([
      'model',
      'messages[0].role',
      'messages[1].content[0].image_url.url',
      'messages[2].tool_call_id',
      'tools[0].function.name',
      'stream',
      'extra',
    ]);
  });

  it.each([
    ['null', null],
    ['an array', [HELLO]],
    ['a string', 'Hello'],
  ])('refuses %s as a body', (_name, body) => {
    expect(refusal(body)).toMatchObject({ code: 'invalid_request', param: 'body' });
  });

  it.each([
    ['no messages', { messages: [] }, 'messages'],
    ['too many messages', { messages: Array.from({ length: 10_001 }, () => HELLO.messages[0]) }, 'messages'],
    ['an assistant without content', { messages: [{ role: 'assistant' }] }, 'messages[0].content'],
    ['a long model id', { model: 'm'.repeat(101) }, 'model'],
    ['notes of another type', { metadata: 'x' }, 'metadata'],
    [
      'more notes than are kept, before they are judged',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`x${index}`, index])) },
      'metadata',
    ],
    ['a note that is too long', { metadata: { a: 'x'.repeat(513) } }, 'metadata.a'],
    [
      'too many tools',
      { tools: Array.from({ length: 129 }, (_, index) => ({ type: 'function', function: { name: `t${index}` } })) },
      'tools',
    ],
    [
      'too many images',
      {
        messages: Array.from({ length: 21 }, () => ({
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }],
        })),
      },
      'messages',
    ],
  ])('refuses %s', (_name, change, field) => {
    expect(fieldsOf(refusal({ ...HELLO, ...change }))).toEqual([field]);
  });

  it('leaves type and range of constrained parameters to the model', () => {
    expect(parse({ ...HELLO, temperature: 'hot', n: -3 }).body).toMatchObject({ temperature: 'hot', n: -3 });
  });

  it('accepts the largest conversation that is allowed', () => {
    const messages = Array.from({ length: 10_000 }, () => ({ role: 'user', content: 'x' }));
    expect(parse({ ...HELLO, messages }).body.messages).toHaveLength(10_000);
  });
});
