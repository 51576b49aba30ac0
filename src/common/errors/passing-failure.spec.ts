import { isOutcomeUnknown, isPassingFailure, isRolledBackForOthers } from './passing-failure.js';

const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code && { code });

describe('a failure of the database that passes', () => {
  it.each([
    failure('timeout exceeded when trying to connect'),
    failure('Connection terminated due to connection timeout'),
    failure('Connection terminated unexpectedly'),
    failure('terminating connection due to transaction timeout', '25P04'),
    failure('sorry, too many clients already', '53300'),
    failure('deadlock detected', '40P01'),
    failure('the database system is shutting down', '57P03'),
    failure('connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED'),
    failure('read ECONNRESET', 'ECONNRESET'),
  ])('is $message', (error) => {
    expect(isPassingFailure(error)).toBe(true);
  });

  it.each([
    failure('a hold ends once'),
    failure('duplicate key value', '23505'),
    failure('the file is not there', 'ENOENT'),
    failure('something was FST_ERR', 'FST_ERR_CTP_EMPTY_JSON_BODY'),
    'text',
    null,
    undefined,
  ])('is not %p', (error) => {
    expect(isPassingFailure(error)).toBe(false);
  });

  it('leaves open whether a statement was committed only where one may have been sent', () => {
    expect(isOutcomeUnknown(failure('Connection terminated unexpectedly'))).toBe(true);
    expect(isOutcomeUnknown(failure('read ECONNRESET', 'ECONNRESET'))).toBe(true);
    expect(isOutcomeUnknown(failure('terminating connection due to administrator command', '57P01'))).toBe(true);
    expect(isOutcomeUnknown(failure('timeout exceeded when trying to connect'))).toBe(false);
    expect(isOutcomeUnknown(failure('Connection terminated due to connection timeout'))).toBe(false);
    expect(isOutcomeUnknown(failure('transaction timeout', '25P04'))).toBe(false);
  });

  it('may be run again at once where the database undid a transaction for others', () => {
    expect(isRolledBackForOthers(failure('deadlock detected', '40P01'))).toBe(true);
    expect(isRolledBackForOthers(failure('duplicate key value', '23505'))).toBe(false);
  });
});
