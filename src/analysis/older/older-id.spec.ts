import { isUuid } from '../../common/ids.js';
import { idFor } from './older-id.js';
import { type OlderAnalysis, readOlderAnalysis } from '../domain/older-analysis.js';

function analysisOf(row: object): OlderAnalysis {
  const read = readOlderAnalysis({ email: 'a@example.com', subject: 'e', result: { mood: 'good' }, cost: 0.5, ...row });
  if ('faults' in read) throw new Error(read.faults.join());
  return read.analysis;
}

describe('the id of an older analysis that has none', () => {
  const row = { createdAt: '2025-01-02T03:04:05Z' };

  it('is the same whenever it is read, and another one where anything differs', () => {
    const id = idFor(analysisOf(row));
    expect(isUuid(id)).toBe(true);
    expect(idFor(analysisOf(row))).toBe(id);
    const others = [
      { subject: 'f' },
      { email: 'b@example.com' },
      { result: { mood: 'bad' } },
      { cost: 0.25 },
      { text: 'x' },
    ];
    const ids = others.map((other) => idFor(analysisOf({ ...row, ...other })));
    expect(new Set([id, ...ids]).size).toBe(others.length + 1);
  });

  it('is ordered by its time', () => {
    const ids = ['2001-01-01T00:00:00Z', '2025-01-02T03:04:05Z', '2025-01-02T03:04:06Z', '9999-12-31T00:00:00Z'].map(
      (createdAt) => idFor(analysisOf({ createdAt })),
    );
    expect(ids.toSorted()).toEqual(ids);
  });
});
