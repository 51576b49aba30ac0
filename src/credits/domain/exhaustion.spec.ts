import { exhaustionAt, FORECAST_WINDOW_MS, type FreeCredits } from './exhaustion.js';

const now = new Date('2026-05-10T12:00:00Z');
const inWindows = (count: number): Date => new Date(now.getTime() + count * FORECAST_WINDOW_MS);
const lasting = (freeUcr: bigint, endsAt: Date | null = null): FreeCredits => ({ freeUcr, endsAt });
const forecast = (grants: FreeCredits[], usedInWindowUcr: bigint, debtUcr = 0n): Date | null =>
  exhaustionAt(grants, { debtUcr, usedInWindowUcr }, now);

describe('the forecast of exhaustion', () => {
  it('goes on at the pace of the window', () => {
    expect(forecast([lasting(200n)], 100n)).toEqual(inWindows(2));
    expect(forecast([lasting(150n), lasting(50n)], 100n)).toEqual(inWindows(2));
  });

  it('is silent without use and for a time nobody plans', () => {
    expect(forecast([lasting(200n)], 0n)).toBeNull();
    expect(forecast([lasting(10n ** 15n)], 1n)).toBeNull();
  });

  it('is now when nothing is available', () => {
    expect(forecast([], 5n)).toEqual(now);
    expect(forecast([lasting(3n)], 5n, 3n)).toEqual(now);
    expect(forecast([], 0n, 3n)).toEqual(now);
  });

  it('loses what a grant still has when it ends', () => {
    expect(forecast([lasting(1_000n, inWindows(1))], 100n)).toEqual(inWindows(1));
    expect(forecast([lasting(1_000n, inWindows(1)), lasting(50n)], 100n)).toEqual(inWindows(1.5));
    expect(forecast([lasting(200n), lasting(300n, inWindows(1))], 100n)).toEqual(inWindows(2));
    expect(forecast([lasting(200n), lasting(300n, inWindows(3))], 100n)).toEqual(inWindows(3));
  });

  it('repays the debt with what is used first', () => {
    expect(forecast([lasting(50n), lasting(250n)], 100n, 100n)).toEqual(inWindows(2));
  });
});
