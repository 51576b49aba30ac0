import { formatPath, readIssues } from './document-issue.js';
import { ModelMeta } from './model-meta.js';

describe('the faults of a meta', () => {
  const META = {
    displayName: 'One',
    capabilities: ['text'],
    contextLength: 1_000,
    maxOutputTokens: 100,
    parameterConstraints: { max_tokens: { supported: true, default: 100 } },
  };
  const faults = (over: object): string[] => {
    const read = ModelMeta.safeParse({ ...META, ...over });
    return readIssues(read.error?.issues ?? []).map(({ path, message }) => `${formatPath(path)}: ${message}`);
  };

  it('has none in what is right', () => {
    expect(faults({})).toEqual([]);
  });

  // Seen failing: they were Zod's, as `meta: Unrecognized key: "colour"` and `expected string, received undefined`.
  it.each([
    [{ colour: 'red' }, 'colour: is not known here; docs/models.md lists the keys'],
    [{ creditRates: { fun: 1 } }, 'creditRates.fun: is not known here; docs/models.md lists the keys'],
    [{ displayName: undefined }, 'displayName: is required'],
    [{ contextLength: '5' }, 'contextLength: must be a number'],
    [{ contextLength: 1.5 }, 'contextLength: must be a whole number'],
    [{ inputCostPerMillionTokens: -1 }, 'inputCostPerMillionTokens: must be at least 0'],
    [{ requiredTier: 'gold' }, 'requiredTier: must be one of free, pro, pro_max, enterprise'],
    [{ sunsetDate: '2020-13-01' }, 'sunsetDate: must be a day such as 2026-05-10'],
    [{ creditsPer1kTokens: 0.12345 }, 'creditsPer1kTokens: must have at most 3 digits after the point'],
    [{ capabilities: 'text' }, 'capabilities: must be an array'],
  ])('are told in words that help: %j', (over, fault) => {
    expect(faults(over)).toContain(fault);
  });
});
