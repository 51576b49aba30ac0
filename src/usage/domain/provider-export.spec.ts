import fc from 'fast-check';
import { catalogueNames, EXPORT_SHAPES, type ExportShapeName, figuresOf, readExportRow } from './provider-export.js';

const TODAY = '2026-06-01';

function read(name: ExportShapeName, row: Record<string, string>) {
  const shape = EXPORT_SHAPES[name];
  const found = figuresOf(shape, new Set(Object.keys(row)));
  if ('missing' in found) throw new Error(`lacks ${found.missing.join(', ')}`);
  return readExportRow(shape, (column) => row[column] ?? '', { figures: found.figures, today: TODAY });
}

const NEUTRAL = {
  day: '2026-05-10',
  model: 'a-model',
  requests: '3',
  input_tokens: '1000',
  output_tokens: '50',
  cost_usd: '0.012',
};

describe('a row of a provider’s file', () => {
  it('of OpenAI has requests and tokens, written as whole numbers with a point', () => {
    const row = {
      start_time_iso: '2026-05-10T00:00:00+00:00',
      model: 'gpt-5-2025-08-07',
      num_model_requests: '3.0',
      input_tokens: '1200.0',
      output_tokens: '34',
    };
    expect(read('openai_usage', row)).toEqual({
      faults: [],
      row: {
        day: '2026-05-10',
        model: 'gpt-5-2025-08-07',
        figures: { requests: 3n, inputTokens: 1200n, outputTokens: 34n },
      },
    });
  });

  it('of Anthropic has its input in four parts', () => {
    const row = {
      usage_date_utc: '2026-05-10',
      model_version: 'claude-sonnet-4-5-20250929',
      usage_input_tokens_no_cache: '1',
      usage_input_tokens_cache_write_5m: '20',
      usage_input_tokens_cache_write_1h: '300',
      usage_input_tokens_cache_read: '4000',
      usage_output_tokens: '5',
    };
    expect(read('anthropic_usage', row).row?.figures).toEqual({ inputTokens: 4321n, outputTokens: 5n });
  });

  it('of a cost report has an amount, and the model in front of what was counted', () => {
    const row = {
      start_time_iso: '2026-05-10',
      line_item: 'gpt-5, input',
      amount_value: '1.5e-7',
      amount_currency: 'USD',
    };
    expect(read('openai_costs', row).row).toEqual({ day: '2026-05-10', model: 'gpt-5', figures: { costNusd: 150n } });
    expect(read('openai_costs', { ...row, amount_currency: 'eur' }).faults).toEqual([
      { column: 'amount_currency', rule: 'must be usd' },
    ]);
  });

  it('without a model is a time without usage', () => {
    expect(read('neutral', { ...NEUTRAL, model: '', requests: 'x' })).toEqual({ row: null, faults: [] });
  });

  it('of the neutral shape may leave figures out, but not all', () => {
    expect(read('neutral', { day: '2026-05-10', model: 'm', cost_usd: '2' }).row?.figures).toEqual({
      costNusd: 2_000_000_000n,
    });
    expect(() => read('neutral', { day: '2026-05-10', model: 'm' })).toThrow('lacks requests, input_tokens');
  });

  it.each([
    ['day', '2026-02-30'],
    ['day', '0000-01-01'],
    ['day', '10.05.2026'],
    ['day', '2026-06-02'],
    ['requests', '-1'],
    ['requests', '1.5'],
    ['input_tokens', '1e9'],
    ['output_tokens', '9'.repeat(16)],
    ['cost_usd', '-0.01'],
    ['cost_usd', '1,50'],
    ['cost_usd', 'NaN'],
    ['model', 'm'.repeat(201)],
  ])('is refused for %s %s', (column, text) => {
    const { row, faults } = read('neutral', { ...NEUTRAL, [column]: text });
    expect(row).toBeNull();
    expect(faults).toEqual([{ column, rule: expect.stringMatching(/^must /) }]);
  });

  it('has its amount to the nano-USD, whatever the digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 17n }), (costNusd) => {
        const text = `${costNusd / 10n ** 9n}.${(costNusd % 10n ** 9n).toString().padStart(9, '0')}000`;
        expect(read('neutral', { ...NEUTRAL, cost_usd: text }).row?.figures.costNusd).toBe(costNusd);
      }),
    );
  });

  it.each([
    ['gpt-5-2025-08-07', 'gpt-5'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['Claude Sonnet 4.5', 'claude-sonnet-4-5'],
    ['gemini-2.5-pro', 'gemini-2.5-pro'],
  ])('that says %s may mean %s', (written, name) => {
    expect(catalogueNames(written)).toContain(name);
  });
});
