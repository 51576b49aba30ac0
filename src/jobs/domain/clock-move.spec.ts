import { parseDuration, parseTime, timeAfter } from './clock-move.js';

describe('a time for the test clock', () => {
  it.each([
    ['2027-02-28T12:00:00Z', '2027-02-28T12:00:00.000Z'],
    ['2027-02-28T12:00:00.5+02:00', '2027-02-28T10:00:00.500Z'],
  ])('is read from %s', (text, iso) => {
    expect(parseTime(text)?.toISOString()).toBe(iso);
  });

  it.each(['2027-02-30T12:00:00Z', '2027-02-28', '2027-02-28T12:00:00', 'tomorrow', '2027-02-28T12:00:00Z[UTC]', ''])(
    'is not read from "%s"',
    (text) => {
      expect(parseTime(text)).toBeUndefined();
    },
  );
});

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
