import { misspeltFaults } from './misspelt-variables.js';

const KNOWN = [
  'DATABASE_URL',
  'DATABASE_POOL_SIZE',
  'RETENTION_SYSTEM_LOGS_DAYS',
  'METRICS_TOKEN',
  'XAI_API_KEY',
  'PORT',
  'SMTP_URL',
  'DATA_DIR',
];

describe('a variable that is none of ours', () => {
  it.each([
    ['DATABASE_POOLSIZE', 'DATABASE_POOL_SIZE'],
    ['RETENTION_SYSTEM_LOG_DAYS', 'RETENTION_SYSTEM_LOGS_DAYS'],
    ['METRIC_TOKEN', 'METRICS_TOKEN'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['METRISC_TOKEN', 'METRICS_TOKEN'],
  ])('is refused where it is nearly one: %s', (name, meant) => {
    expect(misspeltFaults({ [name]: 'x' }, KNOWN)).toEqual([expect.stringContaining(`Is it ${meant}?`)]);
  });

  it.each([
    'PORTS',
    'HOST',
    'DATABASE_NAME',
    'DATABASE_HOST',
    'METRICS_PORT',
    'PATH',
    'metrics_token_',
    'RETENTION_DAYS',
    'ZAI_API_KEY',
    'HTTP_URL',
    'META_DIR',
  ])('is left alone where it is another: %s', (name) => {
    expect(misspeltFaults({ [name]: 'x' }, KNOWN)).toEqual([]);
  });

  it('is left alone where it is empty, or the one that it is near is set', () => {
    expect(misspeltFaults({ DATABASE_URI: '' }, KNOWN)).toEqual([]);
    expect(misspeltFaults({ DATABASE_URI: 'x', DATABASE_URL: 'postgresql://host/tollgate' }, KNOWN)).toEqual([]);
  });
});
