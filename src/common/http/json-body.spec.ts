import fc from 'fast-check';
import { InvalidRequestError } from '../errors/common.errors.js';
import { JSON_DEPTH_MAX, parseJsonBody } from './json-body.js';

const parse = (text: string) => parseJsonBody(Buffer.from(text));

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
    expect(() => parseJsonBody(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).toThrow(/UTF-8/);
  });
});
