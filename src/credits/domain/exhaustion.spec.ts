import { exhaustionAt, FORECAST_WINDOW_MS } from './exhaustion.js';

const now = new Date('2026-05-10T12:00:00Z');

describe('the forecast of exhaustion', () => {
  it('goes on at the pace of the window', () => {
    expect(exhaustionAt(200n, 100n, now)).toEqual(new Date(now.getTime() + 2 * FORECAST_WINDOW_MS));
  });

  it('is silent without use and for a time nobody plans', () => {
    expect(exhaustionAt(200n, 0n, now)).toBeNull();
    expect(exhaustionAt(10n ** 15n, 1n, now)).toBeNull();
  });

  it('is now when nothing is available', () => {
    expect(exhaustionAt(0n, 5n, now)).toEqual(now);
    expect(exhaustionAt(-3n, 0n, now)).toEqual(now);
  });
});
