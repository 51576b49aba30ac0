import fc from 'fast-check';
import { csvLine } from './csv.js';

/** A reader of RFC 4180, of one line. */
function readLine(line: string): string[] {
  return [...line.slice(0, -2).matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

describe('a line of CSV', () => {
  it('leaves numbers and text as they are, and null empty', () => {
    expect(csvLine(['gpt-5', { number: '-1.500000' }, null])).toBe('gpt-5,-1.500000,\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('makes no formula of %j', (text) => {
    expect(readLine(csvLine(['a', text]))[1]).toBe(`'${text}`);
  });

  it('is read back as what it was, whatever text it has', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 2 }), (texts) => {
        const read = readLine(csvLine(texts.map((text) => `x${text}`)));
        expect(read).toEqual(texts.map((text) => `x${text}`));
      }),
    );
  });
});
