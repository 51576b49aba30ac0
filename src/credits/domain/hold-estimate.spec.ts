import fc from 'fast-check';
import { effectiveMaxOutput, inputBoundTokens, largestMaxTokens, upperBoundUcr } from './hold-estimate.js';

const rates = fc.record({ inputUcr: fc.bigInt(0n, 100_000n), outputUcr: fc.bigInt(0n, 100_000n) });
const count = fc.nat({ max: 1_000_000 });

describe('the input bound', () => {
  it('is bytes, 16 per message, schemas and images; the tool prompt counts only with tools', () => {
    const size = { textBytes: 100, messageCount: 2, schemaBytes: 0, toolPromptTokens: 300, imageTokens: 85 };
    expect(inputBoundTokens(size)).toBe(100 + 32 + 85);
    expect(inputBoundTokens({ ...size, schemaBytes: 50 })).toBe(100 + 32 + 85 + 50 + 300);
  });
});

describe('the effective output limit', () => {
  const limits = {
    requested: null,
    constraintDefault: null,
    maxOutputTokens: 16_384,
    outputTokensDefault: 4_096,
    contextLength: 128_000,
    inputTokens: 100,
  };

  it('is the requested limit, else the constraint’s default, else the smaller of the model’s and the product’s', () => {
    expect(effectiveMaxOutput({ ...limits, requested: 7, constraintDefault: 1_000 })).toBe(7);
    expect(effectiveMaxOutput({ ...limits, constraintDefault: 1_000 })).toBe(1_000);
    expect(effectiveMaxOutput(limits)).toBe(4_096);
    expect(effectiveMaxOutput({ ...limits, maxOutputTokens: 512 })).toBe(512);
  });

  it('is lowered to what the context leaves, and never negative', () => {
    expect(effectiveMaxOutput({ ...limits, inputTokens: 127_000 })).toBe(1_000);
    expect(effectiveMaxOutput({ ...limits, inputTokens: 200_000 })).toBe(0);
  });
});

describe('the upper bound', () => {
  it('never falls when a request grows', () => {
    fc.assert(
      fc.property(rates, count, count, count, (price, inputTokens, outputTokens, more) => {
        const bound = upperBoundUcr(price, { inputTokens, outputTokens });
        expect(upperBoundUcr(price, { inputTokens: inputTokens + more, outputTokens })).toBeGreaterThanOrEqual(bound);
        expect(upperBoundUcr(price, { inputTokens, outputTokens: outputTokens + more })).toBeGreaterThanOrEqual(bound);
      }),
    );
  });
});

describe('the largest limit that passes', () => {
  const room = fc.record({
    availableUcr: fc.bigInt(-1_000n, 10_000_000_000n),
    inputTokens: count,
    choices: fc.integer({ min: 1, max: 8 }),
    maxOutputTokens: fc.nat({ max: 100_000 }),
  });

  it('fits the balance, and one more does not', () => {
    fc.assert(
      fc.property(rates, room, (price, given) => {
        const largest = largestMaxTokens(price, given);
        const costOf = (maxTokens: number): bigint =>
          upperBoundUcr(price, { inputTokens: given.inputTokens, outputTokens: maxTokens * given.choices });
        if (largest === null) {
          expect(given.maxOutputTokens < 1 || costOf(1) > given.availableUcr).toBe(true);
          return;
        }
        expect(largest).toBeLessThanOrEqual(given.maxOutputTokens);
        expect(costOf(largest) <= given.availableUcr).toBe(true);
        expect(largest === given.maxOutputTokens || costOf(largest + 1) > given.availableUcr).toBe(true);
      }),
    );
  });
});
