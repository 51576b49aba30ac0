import fc from 'fast-check';
import type { AdmittedChat } from '../admitted-chat.js';
import type { ChatChoice, ChatCompletion, ChunkChoice } from '../wire/chat-answer.js';
import type { ThinkingBlock } from '../wire/chat-message.js';
import type { ChatDialect } from './chat-dialect.js';
import { MESSAGES } from './messages/messages.dialect.js';
import { RESPONSES } from './responses/responses.dialect.js';
import { SEALED_LENGTH_MAX } from './responses/sealed-thinking.js';

const USAGE = { inputTokens: 9, cachedInputTokens: 2, cacheWriteTokens: 1, outputTokens: 7, reasoningTokens: 3 };
const CHARGE = { credits_charged: '0.012000', credits_remaining: '9.900000' };
const ANSWERED = {
  requestId: '0197c000-0000-7000-8000-000000000001',
  startedAt: new Date(0),
  chat: {
    model: { id: 'm' },
    body: { model: 'm', messages: [] },
    parameters: {},
    outputLimit: { tokens: 10 },
  } as unknown as AdmittedChat,
};
/** The same, where the caller asked for what was thought as it was signed. */
const SEALING = { ...ANSWERED, chat: { ...ANSWERED.chat, sealsThinking: true } };
const LABEL = { id: 'chatcmpl-1', created: 1, model: 'm' };

type Wire = Record<string, unknown>;

const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const toolCall = fc.record({
  id: fc.stringMatching(/^call_[a-z0-9]{1,8}$/),
  type: fc.constant('function' as const),
  function: fc.record({
    name: fc.constantFrom('look', 'search'),
    arguments: fc
      .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), word, { maxKeys: 3 })
      .map((input) => JSON.stringify(input)),
  }),
});
/** What a model answered: it said something, or called tools, or both. */
const message = fc
  .record({
    role: fc.constant('assistant' as const),
    content: fc.option(word),
    reasoning_content: fc.option(word),
    isSigned: fc.boolean(),
    tool_calls: fc.uniqueArray(toolCall, { maxLength: 3, selector: ({ id }) => id }),
  })
  .filter(({ content, tool_calls: calls }) => content !== null || calls.length > 0)
  .map(({ isSigned, ...said }) => ({
    ...said,
    ...(isSigned && { thinking_blocks: seal(said.reasoning_content) }),
  }));

/** What was thought, as a provider signs it, and something that nobody may read. */
function seal(thinking: string | null): ThinkingBlock[] {
  return [
    ...(thinking === null ? [] : [{ type: 'thinking' as const, thinking, signature: `of ${thinking}` }]),
    { type: 'redacted_thinking', data: 'sealed' },
  ];
}
const finishReason = fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter');
const choice = fc.record({ index: fc.constant(0), message, finish_reason: finishReason });

function whole(dialect: ChatDialect, answer: ChatChoice, answered = ANSWERED): Wire {
  const completion: ChatCompletion = { ...LABEL, object: 'chat.completion', choices: [answer] };
  return dialect.writeAnswer({ ...answered, completion, usage: USAGE }) as Wire;
}

/** The same answer in chunks of some characters, as providers stream it. */
function streamed(dialect: ChatDialect, answer: ChatChoice, size: number, answered = ANSWERED): Wire[] {
  const { message: said, finish_reason: reason } = answer;
  const writer = dialect.openStream(answered);
  const send = (delta: ChunkChoice['delta'], finish: string | null = null): string =>
    writer.chunk({ ...LABEL, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] });
  let text = send({ role: 'assistant', content: '' });
  for (const part of cut(said.reasoning_content, size)) text += send({ reasoning_content: part });
  for (const count of said.thinking_blocks?.keys() ?? []) {
    text += send({ thinking_blocks: said.thinking_blocks!.slice(0, count + 1) });
  }
  for (const part of cut(said.content, size)) text += send({ content: part });
  for (const [index, { id, type, function: called }] of (said.tool_calls ?? []).entries()) {
    text += send({ tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] });
    for (const part of cut(called.arguments, size))
      text += send({ tool_calls: [{ index, function: { arguments: part } }] });
  }
  text += send({}, reason);
  const end = writer.end(USAGE, CHARGE);
  expect(writer.end(USAGE, CHARGE)).toBe(end);
  // Texts may hold line separators of other kinds, which end no line of an event stream.
  const lines = (text + end).split('\n').filter((line) => line.startsWith('data: '));
  return lines.map((line) => JSON.parse(line.slice('data: '.length)) as Wire);
}

function cut(text: string | null | undefined, size: number): string[] {
  return (text ?? '').match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];
}

/** What a client of Messages makes of the events. */
function assembleMessage(events: readonly Wire[]): Wire {
  const content: Wire[] = [];
  let rest: Wire = {};
  for (const event of events) {
    const block = content[event['index'] as number] ?? {};
    const delta = (event['delta'] ?? {}) as Record<string, string>;
    if (event['type'] === 'message_start') rest = event['message'] as Wire;
    else if (event['type'] === 'content_block_start') content.push({ ...(event['content_block'] as Wire), json: '' });
    else if (event['type'] === 'message_delta') rest = { ...rest, ...delta, usage: event['usage'] };
    else if (event['type'] === 'content_block_delta') {
      for (const name of ['text', 'thinking', 'signature'])
        if (delta[name]) block[name] = String(block[name]) + delta[name];
      if (delta['partial_json']) block['json'] = String(block['json']) + delta['partial_json'];
    }
  }
  return {
    ...rest,
    content: content.map(({ json, ...block }) =>
      block['type'] === 'tool_use' ? { ...block, input: JSON.parse(String(json)) as unknown } : block,
    ),
  };
}

/** The last message that a dialect reads, its text in one. */
function lastOf(dialect: ChatDialect, raw: Wire): Wire {
  const last = dialect.parse(raw, { dropUnsupported: false }).body.messages.at(-1) as unknown as Wire;
  const { content } = last;
  return Array.isArray(content) ? { ...last, content: content.map(({ text }: Wire) => String(text)).join('') } : last;
}

describe('an answer', () => {
  it('of Messages is the same in events as whole', () => {
    fc.assert(
      fc.property(choice, fc.integer({ min: 1, max: 7 }), (answer, size) => {
        expect(assembleMessage(streamed(MESSAGES, answer, size))).toEqual(whole(MESSAGES, answer));
      }),
    );
  });

  it('of Messages, handed back, is what the model had said', () => {
    fc.assert(
      fc.property(choice, (answer) => {
        const { content } = whole(MESSAGES, answer);
        const messages = [
          { role: 'user', content: 'q' },
          { role: 'assistant', content },
        ];
        const { thinking_blocks: sealed } = answer.message;
        expect(lastOf(MESSAGES, { model: 'm', messages })).toEqual({
          ...spoken(answer),
          ...(sealed && { thinking_blocks: sealed }),
        });
      }),
    );
  });

  it('of Responses is the same in events as whole, and every event is numbered', () => {
    fc.assert(
      fc.property(choice, fc.integer({ min: 1, max: 7 }), fc.boolean(), (answer, size, isSealing) => {
        const answered = isSealing ? SEALING : ANSWERED;
        const events = streamed(RESPONSES, answer, size, answered);
        expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_event, index) => index));
        const { tollgate, ...response } = (events.at(-1) ?? {})['response'] as Wire;
        expect(tollgate).toEqual({ ...CHARGE, request_id: ANSWERED.requestId });
        expect(response).toEqual(whole(RESPONSES, answer, answered));
        const done = events.filter(({ type }) => type === 'response.output_item.done');
        expect(done.map(({ output_index: index }) => index)).toEqual([...done.keys()]);
        const [first] = done.map(({ item }) => item as Wire);
        expect(first?.['encrypted_content']).toEqual((response['output'] as Wire[])[0]?.['encrypted_content']);
        const deltas = events.filter(({ type }) => String(type).endsWith('.delta'));
        const said = [answer.message.reasoning_content, answer.message.content];
        const called = answer.message.tool_calls.map((call) => call.function.arguments);
        expect(deltas.map(({ delta }) => String(delta)).join('')).toBe([...said, ...called].join(''));
        expect(count(events, 'response.output_item.added')).toBe(count(events, 'response.output_item.done'));
        expect(count(events, 'response.content_part.added')).toBe(count(events, 'response.content_part.done'));
      }),
    );
  });

  // Planted: blocks not sealed; unsealed blocks not put into the message; sealed although nobody asked.
  it('of Responses, handed back, is what the model had said, and thought where that was asked for', () => {
    fc.assert(
      fc.property(choice, fc.boolean(), (answer, isSealing) => {
        const output = whole(RESPONSES, answer, isSealing ? SEALING : ANSWERED)['output'] as Wire[];
        const { thinking_blocks: sealed } = answer.message;
        expect(lastOf(RESPONSES, { model: 'm', input: [{ role: 'user', content: 'q' }, ...output] })).toEqual({
          ...spoken(answer),
          ...(isSealing && sealed && { thinking_blocks: sealed }),
        });
      }),
    );
  });

  // Planted: the seal of what nothing follows left where it was.
  it('of Responses has no seal of thinking that led to nothing, which could not be handed back', () => {
    const thought = {
      role: 'assistant' as const,
      content: null,
      reasoning_content: 'Hm.',
      thinking_blocks: seal('Hm.'),
    };
    const answer = { index: 0, message: thought, finish_reason: 'stop' };
    const response = whole(RESPONSES, answer, SEALING);
    const events = streamed(RESPONSES, answer, 3, SEALING);
    expect(events.at(-1)?.['response']).toMatchObject(response);
    expect(response['output']).toMatchObject([{ type: 'reasoning', content: [{ text: 'Hm.' }] }]);
    expect(JSON.stringify([response, events])).not.toContain('encrypted_content');
  });

  // Planted: sealed without a look at the form or the length.
  it.each([
    ['of another form', { type: 'thinking', thinking: 'Hm.', signature: '' }],
    ['too long', { type: 'redacted_thinking', data: 'x'.repeat(SEALED_LENGTH_MAX) }],
  ])('of Responses has no seal of thinking that it would not take back: %s', (_name, block) => {
    const thought = { content: 'x', reasoning_content: 'Hm.', thinking_blocks: [block as ThinkingBlock] };
    const answer = { index: 0, message: { role: 'assistant' as const, ...thought }, finish_reason: 'stop' };
    const output = whole(RESPONSES, answer, SEALING)['output'] as Wire[];
    expect(output.map((item) => [item['type'], 'encrypted_content' in item])).toEqual([
      ['reasoning', false],
      ['message', false],
    ]);
  });

  // Planted: every block so far kept with the last item instead of what is new.
  it('of Responses keeps what was thought between two texts beside the second, and each block once', () => {
    const [first, second] = [seal('a'), seal('b')];
    const writer = RESPONSES.openStream(SEALING);
    const deltas: ChunkChoice['delta'][] = [
      { thinking_blocks: first },
      { content: 'One' },
      { thinking_blocks: [...first, ...second] },
      { tool_calls: [{ index: 0, id: 'call_1', function: { name: 'look', arguments: '{}' } }] },
    ];
    for (const delta of deltas) {
      const choices = [{ index: 0, delta, finish_reason: null }];
      writer.chunk({ ...LABEL, object: 'chat.completion.chunk', choices });
    }
    const data = writer.end(USAGE, CHARGE).trim().split('\n').at(-1)!.slice('data: '.length);
    const { output } = (JSON.parse(data) as { response: { output: Wire[] } }).response;
    expect(output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'reasoning', 'function_call']);
    expect(lastOf(RESPONSES, { model: 'm', input: output })).toMatchObject({
      content: 'One',
      thinking_blocks: [...first, ...second],
      tool_calls: [{ id: 'call_1' }],
    });
  });
});

/** The answer as a message of the internal form. What was thought is left out. */
function spoken({ message: { content, tool_calls: calls } }: ChatChoice): Wire {
  return {
    role: 'assistant',
    content,
    ...(calls && calls.length > 0 && { tool_calls: calls }),
  };
}

function count(events: readonly Wire[], type: string): number {
  return events.filter((event) => event['type'] === type).length;
}
