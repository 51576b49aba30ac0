import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { parseChat } from './wire/parse-chat.js';
import { countedBound, inputBound, readPrompt, type Prompt } from './prompt.js';

const TERMS = { toolPromptTokens: 300, imageTokensMax: 1_000 };

function promptOf(body: Record<string, unknown>): Prompt {
  return readPrompt(parseChat({ model: 'm', ...body }, { dropUnsupported: false }).body);
}

describe('inputBound', () => {
  it('is the UTF-8 length of the texts and 16 per message', () => {
    const prompt = promptOf({
      messages: [
        { role: 'system', content: 'äöü' },
        { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      ],
    });
    expect(inputBound(prompt, TERMS)).toBe(6 + 5 + 2 * 16);
  });

  it('adds tools and schemas as JSON, and the tool prompt', () => {
    const tools = [{ type: 'function', function: { name: 'look' } }];
    const response_format = { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } };
    const prompt = promptOf({ messages: [{ role: 'user', content: 'x' }], tools, response_format });
    expect(inputBound(prompt, TERMS)).toBe(
      1 + 16 + JSON.stringify(tools).length + JSON.stringify(response_format).length + 300,
    );
  });

  it('takes images at their most, whatever the length of their URL', () => {
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(5_000)}` } };
    const prompt = promptOf({ messages: [{ role: 'user', content: [image, image] }] });
    expect(inputBound(prompt, TERMS)).toBe(16 + 2 * 1_000);
    expect(prompt.images.map((found) => found.param)).toEqual(['messages[0].content[0]', 'messages[0].content[1]']);
  });

  it('counts what earlier answers said and called', () => {
    const tool_calls = [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }];
    const prompt = promptOf({ messages: [{ role: 'assistant', content: null, tool_calls }] });
    expect(inputBound(prompt, TERMS)).toBe(16 + JSON.stringify(tool_calls).length);
  });

  it('counts sealed thinking whole, since its provider reads more of it than is shown', () => {
    const thinking_blocks = [
      { type: 'thinking', thinking: 'Hm.', signature: 's'.repeat(900) },
      { type: 'redacted_thinking', data: 'sealed' },
    ];
    const prompt = promptOf({ messages: [{ role: 'assistant', content: 'x', thinking_blocks }] });
    expect(inputBound(prompt, TERMS)).toBe(16 + 1 + JSON.stringify(thinking_blocks).length);
  });

  it('counts which call a tool answers, which a long id would else get for nothing', () => {
    const id = 'c'.repeat(256);
    const tool_calls = [{ id, type: 'function', function: { name: 'look', arguments: '{"a":1}' } }];
    const call = { role: 'assistant', content: null, tool_calls };
    const prompt = promptOf({ messages: [call, { role: 'tool', tool_call_id: id, content: 'done' }] });
    expect(inputBound(prompt, TERMS)).toBe(inputBound(promptOf({ messages: [call] }), TERMS) + 16 + 256 + 4);
  });

  it('is never below what a tokenizer counts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 5 }),
        (contents) => {
          const texts = contents.map((content) => content.toWellFormed());
          const prompt = promptOf({ messages: texts.map((content) => ({ role: 'user', content })) });
          const counted = texts.reduce((sum, text) => sum + countTokens(text, { disallowedSpecial: new Set() }), 0);
          expect(inputBound(prompt, TERMS)).toBeGreaterThanOrEqual(
            countedBound(prompt, { texts: counted, schemas: 0 }, TERMS),
          );
        },
      ),
    );
  });
});
