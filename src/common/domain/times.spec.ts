import { isDay, parseTime, timeOf } from './times.js';

describe('a time', () => {
  it.each([
    ['2027-02-28T12:00:00Z', '2027-02-28T12:00:00.000Z'],
    ['2027-02-28T12:00:00.5+02:00', '2027-02-28T10:00:00.500Z'],
    ['2027-02-28t12:00:00z', '2027-02-28T12:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('is read from %s', (text, iso) => {
    expect(parseTime(text)?.toISOString()).toBe(iso);
    expect(timeOf(text).toISOString()).toBe(iso);
  });

  it.each([
    '2027-02-30T12:00:00Z',
    '2027-02-28T24:00:00Z',
    '2027-02-28',
    '2027-02-28T12:00:00',
    '2027-02-28T12:00Z',
    '2027-02-28 12:00:00Z',
    '2026-W52-1',
    '2027-200',
    '20270228T120000Z',
    '0000-06-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
    'tomorrow',
    '2027-02-28T12:00:00Z[UTC]',
    '',
  ])('is not read from "%s"', (text) => {
    expect(parseTime(text)).toBeUndefined();
    expect(() => timeOf(text)).toThrow('none');
  });
});

describe('a day', () => {
  it.each(['2026-05-10', '2028-02-29'])('is %s', (text) => {
    expect(isDay(text)).toBe(true);
  });

  it.each(['2026-02-30', '2027-02-29', '2026-W52-1', '2027-200', '20260510', '2026-05-10T00:00:00Z', ''])(
    'is not "%s"',
    (text) => {
      expect(isDay(text)).toBe(false);
    },
  );
});
