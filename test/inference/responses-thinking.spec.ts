import OpenAI from 'openai';
import { toResponseInputItems } from 'openai/lib/responses/ResponseInputItems';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { refusalOf, WEATHER_TOOL } from './sdk-calls.js';

type Input = OpenAI.Responses.ResponseInput;
type Refusal = InstanceType<typeof OpenAI.APIError>;

const QUESTION = { role: 'user' as const, content: 'Weather in Oslo?' };
const ASK = {
  model: 'claude-sonnet-4-5',
  max_output_tokens: 4_000,
  reasoning: { effort: 'low' as const },
  tools: [WEATHER_TOOL],
  include: ['reasoning.encrypted_content' as const],
  store: false,
};
const THINKING = { thinking: 'Oslo, I think.', redacted: 'sealed' };
const CALLING = { ...THINKING, toolCall: { name: 'get_weather', input: { city: 'Oslo' } } };
const THOUGHT = [
  { type: 'thinking', thinking: 'Oslo, I think.', signature: 'signed: Oslo, I think.' },
  { type: 'redacted_thinking', data: 'sealed' },
];
const RESULT = { type: 'function_call_output' as const, call_id: 'toolu_1', output: 'rain' };

describe('what a model thought, over the Responses API', () => {
  let mock: AnthropicMock;
  let bench: ChatBench;
  let caller: Caller;
  let client: OpenAI;

  beforeAll(async () => {
    mock = await new AnthropicMock().start();
    bench = await ChatBench.start({ env: { ANTHROPIC_BASE_URL: mock.baseUrl, ANTHROPIC_API_KEY: 'sk-operator' } });
  });
  beforeEach(async () => {
    mock.behave({});
    mock.calls.length = 0;
    caller = await bench.caller('pro');
    client = caller.openai;
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  const answer = (input: Input, stream: boolean) =>
    stream ? client.responses.stream({ ...ASK, input }).finalResponse() : client.responses.create({ ...ASK, input });
  const refusal = (input: unknown) =>
    refusalOf(client.responses.create({ ...ASK, input: input as Input }), OpenAI.APIError) as Promise<Refusal>;

  // Planted: `include` not passed on; the seal left out of the item; unsealed blocks not put into the message.
  it.each([false, true])('goes on from tools with its blocks as they came (stream: %s)', async (stream) => {
    mock.behave(CALLING);
    const first = await answer([QUESTION], stream);
    expect(first.output).toMatchObject([
      { type: 'reasoning', summary: [], encrypted_content: expect.stringMatching(/^tg1\.[\w-]+$/) },
      { type: 'function_call', call_id: 'toolu_1', name: 'get_weather' },
    ]);
    mock.behave({ ...THINKING, text: 'It rains.' });
    const handed = toResponseInputItems(first.output);
    const second = await answer([QUESTION, ...handed, RESULT], stream);
    expect(second.output_text).toBe('It rains.');
    expect(mock.calls[1]?.body['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [...THOUGHT, { type: 'tool_use', id: 'toolu_1' }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] },
    ]);

    const later = [QUESTION, ...handed, RESULT, ...toResponseInputItems(second.output), QUESTION];
    await answer(later, stream);
    expect(mock.calls[2]?.body['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [...THOUGHT, { type: 'tool_use' }] },
      { role: 'user' },
      { role: 'assistant', content: [...THOUGHT, { type: 'text', text: 'It rains.' }] },
      { role: 'user' },
    ]);

    // Another provider is not shown what it cannot read.
    const { reasoning: _, ...plain } = ASK;
    const echoed = await client.responses.create({
      ...plain,
      model: 'sandbox-echo',
      input: [QUESTION, ...handed, RESULT],
    });
    expect(echoed.output_text).toBe('rain');
  });

  it('is streamed as an item of its own, whole once it is done', async () => {
    mock.behave(CALLING);
    const events = [];
    for await (const event of await client.responses.create({ ...ASK, input: [QUESTION], stream: true })) {
      if (event.type === 'response.output_item.added' || event.type === 'response.output_item.done') {
        const sealed = event.item.type === 'reasoning' && event.item.encrypted_content;
        events.push([event.type.split('.').at(-1), event.output_index, event.item.type, Boolean(sealed)]);
      }
    }
    expect(events).toEqual([
      ['added', 0, 'reasoning', false],
      ['done', 0, 'reasoning', true],
      ['added', 1, 'function_call', false],
      ['done', 1, 'function_call', false],
    ]);
  });

  it('has an item though nothing of it can be read', async () => {
    mock.behave({ redacted: 'sealed', toolCall: CALLING.toolCall });
    for (const stream of [false, true]) {
      const { output } = await answer([QUESTION], stream);
      expect(output).toMatchObject([{ type: 'reasoning', content: [] }, { type: 'function_call' }]);
    }
  });

  // Planted: sealed although nobody asked.
  it('is sealed for who asks for it alone, and who threw it away is told', async () => {
    mock.behave(CALLING);
    const { include: _, ...unasked } = ASK;
    const { output } = await client.responses.create({ ...unasked, input: [QUESTION] });
    expect(output).toMatchObject([{ type: 'reasoning' }, { type: 'function_call' }]);
    expect(JSON.stringify(output)).not.toContain('encrypted_content');
    const refused = await refusal([QUESTION, ...toResponseInputItems(output), RESULT]);
    expect(refused).toMatchObject({ status: 400, code: 'provider_rejected' });
    expect(refused.message).toContain('encrypted_content');
    expect(mock.calls).toHaveLength(1);
  });

  it('is not looked for in what another server wrote, or in a summary', async () => {
    const summary = [{ type: 'summary_text' as const, text: 'Oslo' }];
    const foreign = { type: 'reasoning' as const, id: 'rs_1', summary, encrypted_content: 'gAAAAABo' };
    const bare = { type: 'reasoning' as const, id: 'rs_2', summary, encrypted_content: null };
    const said = { role: 'assistant' as const, content: 'Rain.' };
    await answer([QUESTION, foreign, bare, said, QUESTION, bare], false);
    expect(mock.calls[0]?.body['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ type: 'text', text: 'Rain.' }] },
      { role: 'user' },
    ]);
  });

  const blocks = (count: number) => Array.from({ length: count }, () => ({ type: 'redacted_thinking', data: 'x' }));
  const sealed = (content: unknown) => `tg1.${Buffer.from(JSON.stringify(content)).toString('base64url')}`;
  const thought = (encrypted_content: unknown) => ({ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content });
  const SAID = { role: 'assistant', content: 'Rain.' };
  const CALL = { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' };
  const UNCHANGED = /hand the item back as it came, or leave the item out and ask without reasoning.effort/;
  const IN_ORDER = /hand the items of an answer back in their order, or leave this one out/;

  // Planted: what does not decode taken for foreign; no limit of the length; what nothing follows let through; the blocks of items not added up.
  it.each<[string, unknown[], string, RegExp]>([
    ['of another alphabet', [thought(`${sealed(THOUGHT)}!`), SAID], 'input[1].encrypted_content', UNCHANGED],
    ['cut off', [thought(sealed(THOUGHT).slice(0, -9)), SAID], 'input[1].encrypted_content', UNCHANGED],
    ['of no blocks', [thought(sealed([])), SAID], 'input[1].encrypted_content', UNCHANGED],
    [
      'unsigned',
      [thought(sealed([{ type: 'thinking', thinking: 'x' }])), SAID],
      'input[1].encrypted_content',
      UNCHANGED,
    ],
    ['no text', [thought(7), SAID], 'input[1].encrypted_content', /must be a string/],
    ['too long', [thought('x'.repeat(4_194_305)), SAID], 'input[1].encrypted_content', /at most 4194304 characters/],
    [
      'of too many blocks in one turn',
      [thought(sealed(blocks(600))), CALL, thought(sealed(blocks(600))), { ...CALL, call_id: 'call_2' }],
      'input[3].encrypted_content',
      /at most 1000 blocks/,
    ],
    ['last of all', [thought(sealed(THOUGHT))], 'input[1]', IN_ORDER],
    ['before a word of the user', [thought(sealed(THOUGHT)), QUESTION, SAID], 'input[1]', IN_ORDER],
    [
      'between the calls of more than one message may have',
      [...Array(129).keys()].flatMap((count) => [thought(null), { ...CALL, call_id: `call_${count}` }]),
      'input[258]',
      /at most 128 calls/,
    ],
  ])('is refused where it is %s, and its content is told to nobody', async (_name, items, param, message) => {
    const refused = await refusal([QUESTION, ...items]);
    expect(refused).toMatchObject({ status: 400, code: 'invalid_request', param });
    expect(refused.message).toMatch(message);
    expect(refused.message).not.toContain('tg1.');
    await caller.expectUntouched();
    expect(mock.calls).toHaveLength(0);
  });

  // Planted: anything taken for `include`.
  it('is all that can be included', async () => {
    const include = ['reasoning.encrypted_content', 'message.output_text.logprobs'] as const;
    const asked = client.responses.create({ ...ASK, include: [...include], input: [QUESTION] });
    const refused = (await refusalOf(asked, OpenAI.APIError)) as Refusal;
    expect(refused).toMatchObject({ status: 400, code: 'invalid_request', param: 'include[1]' });
    expect(refused.message).toContain('"reasoning.encrypted_content"');
    await caller.expectUntouched();
  });
});
