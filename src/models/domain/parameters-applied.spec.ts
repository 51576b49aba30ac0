import { formatParametersApplied } from './parameters-applied.js';

describe('X-Parameters-Applied', () => {
  it('is an RFC 9651 dictionary', () => {
    expect(
      formatParametersApplied([
        { parameter: 'max_tokens', action: 'renamed', to: 'max_completion_tokens' },
        { parameter: 'top_k', action: 'dropped' },
        { parameter: 'max_completion_tokens', action: 'defaulted', value: 1000 },
      ]),
    ).toBe('max_tokens=renamed;to="max_completion_tokens", top_k=dropped, max_completion_tokens=defaulted;value=1000');
  });

  it('is empty when nothing was changed', () => {
    expect(formatParametersApplied([])).toBe('');
  });

  it('makes a key of any name and tells the name', () => {
    expect(formatParametersApplied([{ parameter: 'topK', action: 'dropped' }])).toBe('topk=dropped;name="topK"');
    expect(formatParametersApplied([{ parameter: '1"x\\', action: 'dropped' }])).toBe(
      'x_1_x_=dropped;name="1\\"x\\\\"',
    );
    expect(formatParametersApplied([{ parameter: 'größe\n', action: 'dropped' }])).toBe(
      'gr__e_=dropped;name=%"gr%c3%b6%c3%9fe%0a"',
    );
  });

  it('writes numbers that fit the format as numbers and others as text', () => {
    const values: [unknown, string][] = [
      [1.5, '1.5'],
      [-0, '0'],
      [0.0001, '"0.0001"'],
      [1e20, '"100000000000000000000"'],
      [true, '?1'],
      [['a'], '"[\\"a\\"]"'],
    ];
    for (const [value, text] of values) {
      expect(formatParametersApplied([{ parameter: 'n', action: 'clamped', value }])).toBe(`n=clamped;value=${text}`);
    }
  });

  it('stays short whatever the caller sends', () => {
    const applied = Array.from({ length: 10_000 }, (_, index) => ({
      parameter: `${'f'.repeat(90)}${index}`,
      action: 'dropped' as const,
    }));
    const header = formatParametersApplied(applied);
    expect(header.length).toBeLessThan(8_000);
    expect(header.endsWith('others=not-listed;count=9960')).toBe(true);
  });
});
