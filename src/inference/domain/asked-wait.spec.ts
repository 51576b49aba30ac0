import { askedWaitMs } from './asked-wait.js';

const NOW = Date.parse('2026-11-30T12:00:00Z');

describe('the wait that a provider asks for', () => {
  it.each([
    [{ 'retry-after': '20' }, 20_000],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': '1', 'retry-after-ms': '340' }, 340],
    [{ 'retry-after': 'Mon, 30 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': '86400' }, 3_600_000],
    [{ 'retry-after': '0' }, undefined],
    [{ 'retry-after': 'Mon, 30 Nov 2026 11:00:00 GMT' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': ['1', '2'] }, undefined],
    [{}, undefined],
  ])('is read off %j', (headers: Record<string, string | string[]>, expected) => {
    expect(askedWaitMs(headers, NOW)).toBe(expected);
  });
});
