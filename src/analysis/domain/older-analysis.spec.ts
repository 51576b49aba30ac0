import fc from 'fast-check';
import { readOlderAnalysis } from './older-analysis.js';

const ROW = {
  userId: '01A22A76-4670-7fbf-a8ec-821139bc8d44',
  entryId: 'e1',
  createdAt: '2025-01-02T03:04:05Z',
  result: { mood: 'good' },
};

describe('a row of an older shape', () => {
  it('is read by its older names, with what it lacks filled in', () => {
    expect(readOlderAnalysis({ ...ROW, processingAttempts: '2', promptTokens: 10, cost: 0.25, color: 'red' })).toEqual({
      analysis: {
        id: null,
        userId: '01a22a76-4670-7fbf-a8ec-821139bc8d44',
        email: null,
        subject: 'e1',
        kind: 'sentiment',
        text: '',
        result: { mood: 'good' },
        isCompleted: true,
        model: null,
        requestTokens: 10,
        responseTokens: null,
        tokensUsed: 10,
        costNusd: 250_000_000n,
        processingMs: null,
        attempts: 2,
        createdAt: new Date('2025-01-02T03:04:05Z'),
        completedAt: new Date('2025-01-02T03:04:05Z'),
      },
    });
  });

  it('tells every fault at once', () => {
    expect(readOlderAnalysis({ id: 'x', tokens: -1, status: 'unknown', cost: 'much', result: 'text' })).toEqual({
      faults: expect.arrayContaining(['id must be a UUID', 'status must be completed or failed']) as string[],
    });
    expect(readOlderAnalysis({ status: 'failed' })).toEqual({
      faults: ['userId is missing, and so is email', 'subject is missing', 'createdAt is missing'],
    });
    expect(readOlderAnalysis({ ...ROW, completedAt: '2024-01-01T00:00:00Z' })).toEqual({
      faults: ['completedAt is before createdAt'],
    });
    expect(readOlderAnalysis([])).toEqual({ faults: ['the row is no object'] });
  });

  it('holds nothing that the database cannot store', () => {
    const odd = { entryId: 'a\0', text: 'b\ud83d', result: { 'c\0': ['d\ud83d'] } };
    expect(readOlderAnalysis({ ...ROW, ...odd })).toEqual({
      faults: [
        'subject must not hold a NUL character',
        'text must not hold half of a surrogate pair',
        'result must not hold a NUL character',
      ],
    });
  });

  it('has times that are some, in UTC where they name no zone', () => {
    const createdAt = (value: unknown) => readOlderAnalysis({ ...ROW, createdAt: value });
    for (const time of ['2025-01-02 03:04:05', '2025-01-02T03:04', '2025-01-02 03:04:05.250'])
      expect(createdAt(time)).toMatchObject({ analysis: { createdAt: new Date(`${time.replace(' ', 'T')}Z`) } });
    expect(createdAt(1_735_787_045_000)).toMatchObject({ analysis: { createdAt: new Date('2025-01-02T03:04:05Z') } });
    for (const odd of [1_735_787_045, '0001-01-01T00:00:00Z'])
      expect(createdAt(odd)).toEqual({
        faults: ['createdAt must be a time after 1999: a number is one of milliseconds'],
      });
    expect(createdAt('+012345-01-01T00:00:00Z')).toEqual({ faults: ['createdAt must be a time before 10000'] });
  });

  it.each([
    ['2025-01-02 03:04:05+00', '2025-01-02T03:04:05Z'],
    ['2025-01-02 03:04:05.25 +0200', '2025-01-02T01:04:05.250Z'],
    ['2025-01-02', '2025-01-02T00:00:00Z'],
    ['Thu Jan 02 2025 04:04:05 GMT+0100 (Central European Standard Time)', '2025-01-02T03:04:05Z'],
    ['Thu, 02 Jan 2025 03:04:05 GMT', '2025-01-02T03:04:05Z'],
    ['1735787045000', '2025-01-02T03:04:05Z'],
  ])('takes %s for %s', (written, meant) => {
    expect(readOlderAnalysis({ ...ROW, createdAt: written })).toMatchObject({
      analysis: { createdAt: new Date(meant) },
    });
  });

  // Each was taken for some time before, two of them for another one on every machine.
  it.each(['05/10/2025 12:00', 'May 10, 2025 12:00', '2025-02-31T00:00:00Z', '2025-02-31', '10', '2025'])(
    'takes %s for no time',
    (written) => {
      const faults = ['createdAt must be a time such as 2026-05-10T12:00:00Z'];
      expect(readOlderAnalysis({ ...ROW, createdAt: written })).toEqual({ faults });
    },
  );

  // Each broke the import off before, with all the rows around it.
  it('holds nothing that is too large or too deep for the database', () => {
    const nested = (depth: number) => JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth)) as object;
    expect(readOlderAnalysis({ ...ROW, result: nested(64) })).toHaveProperty('analysis');
    expect(readOlderAnalysis({ ...ROW, result: nested(5_000) })).toEqual({
      faults: ['result must not be deeper than 64 levels'],
    });
    expect(readOlderAnalysis({ ...ROW, promptTokens: 2_000_000_000, completionTokens: 2_000_000_000 })).toEqual({
      faults: ['requestTokens and responseTokens must be at most 2147483647 together'],
    });
  });

  it('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.anything(), (row) => void readOlderAnalysis(row)));
    fc.assert(
      fc.property(
        fc.record({ result: fc.anything(), cost: fc.anything(), createdAt: fc.anything(), tokens: fc.anything() }),
        (odd) => void readOlderAnalysis({ ...ROW, ...odd }),
      ),
    );
  });
});
