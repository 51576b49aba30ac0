import { adviseIndexes, type IndexFacts, type IndexUsage, type TableUsage } from './index-advice.js';

const MB = 1_048_576;

const index = (name: string, columns: IndexUsage['columns'], over: Partial<IndexUsage> = {}): IndexUsage => ({
  name,
  table: 'loaves',
  columns,
  isUnique: false,
  isPartial: false,
  isValid: true,
  method: 'btree',
  scans: 7,
  bytes: 9 * MB,
  ...over,
});
const table = (over: Partial<TableUsage> = {}): TableUsage => ({
  name: 'loaves',
  isPartitioned: false,
  rows: 50_000,
  sequentialScans: 0,
  sequentialRows: 0,
  indexScans: 9,
  ...over,
});
const SCANNED = { sequentialScans: 20, sequentialRows: 1_000_000 };
const advise = (over: Partial<IndexFacts>) =>
  adviseIndexes({
    tables: [table()],
    indexes: [index('loaves_pkey', ['id'], { isUnique: true })],
    foreignKeys: [],
    columns: new Map([['loaves', ['id', 'baker_id', 'shelf']]]),
    statements: [],
    countedDays: 40,
    ...over,
  });

describe('advice on indexes', () => {
  it('is none where all is well', () => {
    expect(advise({ indexes: [index('loaves_pkey', ['id'], { isUnique: true }), index('a', ['shelf'])] })).toEqual([]);
  });

  it('is to make one again that was left half made', () => {
    expect(advise({ indexes: [index('broken', ['shelf'], { isValid: false })] })).toMatchObject([
      { kind: 'invalid', statement: 'reindex index concurrently broken;' },
    ]);
  });

  it.each([
    ['none', [], true],
    ['one that begins otherwise', [index('a', ['shelf', 'baker_id'])], true],
    ['a partial one', [index('a', ['baker_id'], { isPartial: true })], true],
    ['one that was left half made', [index('a', ['baker_id'], { isValid: false })], true],
    ['one that begins so', [index('a', ['baker_id', 'shelf'])], false],
  ])('is to give a foreign key an index where it has %s', (_name, indexes, isAdvised) => {
    const advice = advise({ indexes, foreignKeys: [{ table: 'loaves', columns: ['baker_id'] }] });
    expect(advice.filter(({ kind }) => kind === 'missing').map(({ statement }) => statement)).toEqual(
      isAdvised ? ['create index concurrently idx_loaves_baker_id on loaves (baker_id);'] : [],
    );
  });

  it('is to make one for what statements look for in a table that is read from end to end', () => {
    const statements = [
      { text: 'select * from loaves where "shelf" = $1 and id = $2', totalMs: 5 },
      { text: 'select * from breadloaves where baker_id = $1', totalMs: 50 },
    ];
    const [advice, ...others] = advise({ tables: [table(SCANNED)], statements });
    expect(advice).toMatchObject({
      kind: 'missing',
      statement: 'create index concurrently idx_loaves_shelf on loaves (shelf);',
      reason: expect.stringContaining('20 times, 50000 rows each'),
    });
    expect(others).toEqual([]);
    expect(advise({ tables: [table({ ...SCANNED, isPartitioned: true })], statements })[0]?.statement).toMatch(
      /^create index idx_loaves_shelf on only loaves \(shelf\); -- then concurrently on each partition/,
    );
  });

  it('is to look for the statements where they cannot be seen', () => {
    expect(advise({ tables: [table(SCANNED)] })).toMatchObject([
      { kind: 'missing', statement: expect.stringContaining('from pg_stat_statements') },
    ]);
  });

  it.each([
    ['is small', { ...SCANNED, rows: 500 }],
    ['is read on purpose, once in a while', { sequentialScans: 3, sequentialRows: 150_000 }],
    ['is read to its first rows', { sequentialScans: 500, sequentialRows: 5_000 }],
  ])('is none on a table that %s', (_name, over) => {
    expect(advise({ tables: [table(over)] })).toEqual([]);
  });

  it('is to drop one that another begins with, and of two that are the same only one', () => {
    const wide = index('wide', ['shelf', 'baker_id']);
    expect(advise({ indexes: [wide, index('narrow', ['shelf'])] })).toMatchObject([
      { kind: 'duplicate', index: 'narrow', statement: 'drop index concurrently narrow;' },
    ]);
    expect(advise({ indexes: [index('a', ['shelf']), index('b', ['shelf'])] })).toMatchObject([{ index: 'b' }]);
    for (const over of [{ isUnique: true }, { isPartial: true }, { method: 'gin' }, { table: 'rolls' }])
      expect(advise({ indexes: [wide, index('narrow', ['shelf'], over)] })).toEqual([]);
    expect(advise({ indexes: [index('a', [null]), index('b', [null])] })).toEqual([]);
  });

  it('is to drop one that nothing reads, once that was watched for a month', () => {
    const idle = index('idle', ['shelf'], { scans: 0 });
    expect(advise({ indexes: [idle] })).toMatchObject([
      { kind: 'unused', statement: 'drop index concurrently idle;', reason: expect.stringContaining('40 days') },
    ]);
    expect(advise({ indexes: [idle], countedDays: 20 })).toEqual([]);
    expect(advise({ indexes: [idle], countedDays: null })).toEqual([]);
    expect(advise({ indexes: [idle], foreignKeys: [{ table: 'loaves', columns: ['shelf'] }] })).toEqual([]);
    for (const over of [{ isUnique: true }, { bytes: 8_192 }])
      expect(advise({ indexes: [{ ...idle, ...over }] })).toEqual([]);
  });
});
