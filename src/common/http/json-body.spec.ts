import fc from 'fast-check';
import { InvalidRequestError } from '../errors/common.errors.js';
import { JSON_DEPTH_MAX, parseJsonBody } from './json-body.js';

/** More than any of these texts has. */
const VALUES_MAX = 10_000;

const parse = (text: string, valuesMax = VALUES_MAX) => parseJsonBody(Buffer.from(text), valuesMax);

describe('a JSON body', () => {
  it('is parsed as JSON.parse does, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/__proto__|constructor/.test(text));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('may nest as deep as the limit and no deeper, brackets in strings not counted', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parse(nested(JSON_DEPTH_MAX))).not.toThrow();
    expect(() => parse(nested(JSON_DEPTH_MAX + 1))).toThrow(/deeper than 64/);
    expect(() => parse(JSON.stringify(`"\\${'['.repeat(1_000)}`))).not.toThrow();
  });

  it('T26 may have as many values as the limit and no more, commas in strings not counted', () => {
    const members = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index},{`, [',']])));
    expect(() => parse(members(10), 21)).not.toThrow();
    expect(() => parse(members(10), 20)).toThrow(/more than 20 values/);
    expect(() => parse('[1, 2, 3]', 4)).not.toThrow();
    expect(() => parse('[1, 2, 3]', 3)).toThrow(InvalidRequestError);
  });

  it('knows where a string ends, however long it is and whatever is escaped in it', () => {
    const character = fc.constantFrom('"', '\\', '[', '{', 'a', 'é', '\n');
    const text = fc.string({ unit: character, maxLength: 400, size: 'max' });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), fc.nat({ max: 200 }), (texts, padding) => {
        const strings = texts.map((one) => JSON.stringify('a'.repeat(padding) + one)).join();
        const nested = (depth: number) => '['.repeat(depth) + strings + ']'.repeat(depth);
        expect(parse(nested(JSON_DEPTH_MAX))).toEqual(JSON.parse(nested(JSON_DEPTH_MAX)));
        expect(() => parse(nested(JSON_DEPTH_MAX + 1))).toThrow(/deeper than 64/);
        expect(() => parse(`${strings || '"'}"[`)).toThrow(InvalidRequestError);
      }),
    );
  });

  it.each([
    '{"__proto__": 1}',
    '{"\\u005f_proto__": 1}',
    '{"constructor": {"prototype": 1}}',
    '{"c\\u006fnstructor": {"prototype": 1}}',
  ])('T27 is refused with %s, also where the key is escaped', (text) => {
    expect(() => parse(text)).toThrow(InvalidRequestError);
  });

  it('T27 is refused when a million levels deep without overflowing the stack', () => {
    expect(() => parse('[{"a":'.repeat(500_000))).toThrow(InvalidRequestError);
  });

  it.each([
    ['an empty body', ''],
    ['no JSON', 'hello secret'],
    ['a cut-off body', '{"a": "secret'],
    ['a key that reaches into the prototype', '{"__proto__": {"secret": 1}}'],
  ])('T27 is refused for %s, quoting nothing of it', (_name, text) => {
    expect(() => parse(text)).toThrow(InvalidRequestError);
    expect(() => parse(text)).not.toThrow(/secret/);
  });

  it('T27 is refused when it is no UTF-8', () => {
    expect(() => parseJsonBody(Buffer.from([0x22, 0xff, 0xfe, 0x22]), VALUES_MAX)).toThrow(/UTF-8/);
  });
});
