import { parseDuration, timeAfter } from './clock-move.js';

describe('a duration for the test clock', () => {
  const after = (at: string, text: string) => timeAfter(new Date(at), parseDuration(text)!)?.toISOString();

  it('counts months by the calendar and hours by the hour', () => {
    expect(after('2027-01-31T08:00:00Z', 'P1M')).toBe('2027-02-28T08:00:00.000Z');
    expect(after('2027-01-31T08:00:00Z', 'P1Y2DT3H')).toBe('2028-02-02T11:00:00.000Z');
    expect(after('2027-01-31T08:00:00Z', 'PT36H')).toBe('2027-02-01T20:00:00.000Z');
  });

  it.each(['-P1M', '1 month', 'P', 'PT', '', 'P1.5M'])('is not read from "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('that leads beyond every date has no end', () => {
    expect(timeAfter(new Date(0), parseDuration('P999999Y')!)).toBeUndefined();
  });
});
