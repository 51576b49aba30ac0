import fc from 'fast-check';
import { compareVersions, isVersion } from './app-version.js';

const core = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)).map((numbers) => numbers.join('.'));
const label = fc.oneof(fc.nat(200).map(String), fc.constantFrom('alpha', 'beta', 'rc', 'x-1'));
const version = fc
  .tuple(core, fc.array(label, { maxLength: 3 }))
  .map(([numbers, labels]) => (labels.length === 0 ? numbers : `${numbers}-${labels.join('.')}`));

describe('versions', () => {
  it('are those of Semantic Versioning without build metadata', () => {
    expect(['1.0.0', '0.0.1', '10.20.30-rc.1', '1.0.0-alpha-x.7'].filter((text) => !isVersion(text))).toEqual([]);
    const others = ['1', '1.0', 'v1.0.0', '1.0.0+build', '01.0.0', '1.0.0-', '1.0.0-01', '1.0.0 ', '1000000000.0.0'];
    expect([...others, `1.0.0-${'a'.repeat(60)}`].filter(isVersion)).toEqual([]);
  });

  // The chain of semver.org, section 11.
  it('have the order of the standard', () => {
    const chain = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11'];
    chain.push('1.0.0-rc.1', '1.0.0', '1.0.1', '1.10.0', '2.0.0');
    for (const [index, older] of chain.entries())
      for (const newer of chain.slice(index + 1)) {
        expect(compareVersions(older, newer)).toBeLessThan(0);
        expect(compareVersions(newer, older)).toBeGreaterThan(0);
      }
  });

  it('have one order: the same for both sides, through a third, and equal only to themselves', () => {
    fc.assert(
      fc.property(version, version, version, (one, two, three) => {
        const sign = (left: string, right: string) => Math.sign(compareVersions(left, right));
        expect(sign(one, two)).toBe(-sign(two, one) + 0);
        expect(sign(one, two) === 0).toBe(one === two);
        if (sign(one, two) <= 0 && sign(two, three) <= 0) expect(sign(one, three)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
