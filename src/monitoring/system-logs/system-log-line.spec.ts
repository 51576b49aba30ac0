import fc from 'fast-check';
import { hasNul } from '../../common/domain/nul.js';
import { LogBuffer } from './log-buffer.js';
import { toSystemLog } from './system-log-line.js';

const ID = '0197c000-0000-7000-8000-000000000001';
const line = (over: object = {}): string =>
  JSON.stringify({
    level: 40,
    time: 1_764_500_000_000,
    pid: 1,
    hostname: 'h',
    context: 'Bakery',
    msg: 'bread',
    ...over,
  });

describe('a line of the log as a row', () => {
  it('has its level, service, user, session and request apart, and the rest as it was', () => {
    expect(toSystemLog(line({ userId: ID, sessionId: 's', requestId: ID, loaf: 7 }))).toEqual({
      level: 'warn',
      message: 'bread',
      service: 'Bakery',
      userId: ID,
      sessionId: 's',
      metadata: { requestId: ID, loaf: 7 },
      createdAt: '2025-11-30T10:53:20.000Z',
    });
    expect(toSystemLog(line({ http: { id: ID, status: 500 } }))?.metadata).toMatchObject({ requestId: ID });
  });

  it.each([
    [10, 'debug'],
    [20, 'debug'],
    [30, 'info'],
    [50, 'error'],
    [60, 'error'],
  ])('of the level %i is one of %s', (level, name) => {
    expect(toSystemLog(line({ level }))?.level).toBe(name);
  });

  it.each(['', 'no line', '[]', 'null', '{"level":30}', line({ time: 'now' }), line({ time: 1e300 })])(
    'is none of %j',
    (text) => {
      expect(toSystemLog(text)).toBeNull();
    },
  );

  it('is bounded, whatever it tells', () => {
    const row = toSystemLog(
      line({ msg: 'x'.repeat(9_000), context: 'y'.repeat(500), data: 'z'.repeat(20_000), requestId: ID }),
    );
    expect(row?.message).toHaveLength(4_000);
    expect(row?.service).toHaveLength(100);
    expect(row?.metadata).toEqual({ leftOut: expect.stringContaining('characters'), requestId: ID });
  });

  it('has only whole characters, and a backslash before what looks like an escape', () => {
    expect(toSystemLog(line({ msg: 'half \ud83d', data: { 'half \ud83d': ['half \ude00', '😀'] } }))).toMatchObject({
      message: 'half \ufffd',
      metadata: { data: { 'half \ufffd': ['half \ufffd', '😀'] } },
    });
    expect(toSystemLog(line({ msg: `${'x'.repeat(3_999)}😀` }))?.message).toBe('x'.repeat(3_999));
    expect(toSystemLog(line({ msg: 'a\0b', data: { 'c\0': 'd\0' } }))).toMatchObject({
      message: 'a\ufffdb',
      metadata: { data: { 'c\ufffd': 'd\ufffd' } },
    });
    expect(toSystemLog(line({ msg: 'GET /\\u0000 500', path: '/\\u0000' }))).toMatchObject({
      message: 'GET /\\u0000 500',
      metadata: { path: '/\\u0000' },
    });
  });

  it('never throws, and never has a NUL character', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string({ unit: 'binary' }), (rest, msg) => {
        const row = toSystemLog(line({ ...rest, msg: `${msg}\0`, data: { 'a\0': msg } }));
        expect(hasNul(row)).toBe(false);
      }),
    );
  });
});

describe('the lines that wait to be stored', () => {
  const write = (buffer: LogBuffer, context: string, level: number): void => {
    Object.assign(buffer, { lastLevel: level, lastObj: { context } });
    buffer.write(context);
  };

  it('are not those of requests that went well, nor those about storing', () => {
    const buffer = new LogBuffer();
    write(buffer, 'Http', 30);
    write(buffer, 'SystemLogWriter', 50);
    write(buffer, 'Http', 50);
    write(buffer, 'Bakery', 20);
    expect(buffer.take(9)).toEqual(['Http', 'Bakery']);
  });

  it('are bounded: the newest are dropped, or the oldest of those that are put back', () => {
    const buffer = new LogBuffer();
    for (let count = 0; count < 5_001; count += 1) buffer.write(String(count));
    expect([buffer.waiting, buffer.dropped]).toEqual([5_000, 1]);
    const taken = buffer.take(10);
    for (let count = 0; count < 4; count += 1) buffer.write('new');
    buffer.putBack(taken);
    expect([buffer.waiting, buffer.dropped]).toEqual([5_000, 5]);
    expect(buffer.take(1)).toEqual(['4']);
  });
});
