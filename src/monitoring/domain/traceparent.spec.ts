import fc from 'fast-check';
import { formatTraceParent, parseTraceParent } from './traceparent.js';

const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
    .filter((text) => /[^0]/.test(text));

describe('the header of a trace', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 1 }), (traceId, spanId, traceFlags) => {
        const parent = { traceId, spanId, traceFlags };
        expect(parseTraceParent(formatTraceParent(parent))).toEqual(parent);
      }),
    );
  });

  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const span = '00f067aa0ba902b7';

  it('may say more in a later version, and flags that are not known yet', () => {
    expect(parseTraceParent(`01-${trace}-${span}-ff-more`)).toEqual({ traceId: trace, spanId: span, traceFlags: 1 });
  });

  it.each([
    undefined,
    '',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01\n`,
  ])('is ignored when it is %j', (header) => {
    expect(parseTraceParent(header)).toBeNull();
  });
});
