import fc from 'fast-check';
import { isOpenTo, offerFor, type ReleaseTerms } from './update-offer.js';

const release = (version: string, terms: Partial<ReleaseTerms> = {}): ReleaseTerms => ({
  id: `id-of-${version}`,
  version,
  minSupportedVersion: null,
  rolloutPercent: 100,
  ...terms,
});

describe('an update', () => {
  it('is the newest release, and none for who has it', () => {
    const published = [release('1.9.0'), release('1.10.0'), release('1.10.0-rc.1')];
    expect(offerFor(published, { version: '1.9.0' })).toMatchObject({ release: { version: '1.10.0' }, isUpdate: true });
    expect(offerFor(published, { version: '1.10.0' })).toMatchObject({ isUpdate: false, isSupported: true });
    expect(offerFor(published, {})).toMatchObject({ isUpdate: true });
    expect(offerFor([], { version: '1.0.0' })).toEqual({ release: null, isUpdate: false, isSupported: true });
  });

  it('never goes back to an older release, and says when what runs is no longer supported', () => {
    const published = [release('2.0.0', { minSupportedVersion: '1.5.0' })];
    expect(offerFor(published, { version: '2.1.0' })).toMatchObject({ isUpdate: false, isSupported: true });
    expect(offerFor(published, { version: '1.4.9' })).toMatchObject({ isUpdate: true, isSupported: false });
    expect(offerFor(published, { version: '1.5.0' })).toMatchObject({ isUpdate: true, isSupported: true });
  });

  it('that is rolled out to some leaves the others with the one before it', () => {
    const published = [release('1.0.0'), release('1.1.0', { rolloutPercent: 0 })];
    expect(offerFor(published, { id: 'mine', version: '1.0.0' })).toMatchObject({ release: { version: '1.0.0' } });
    expect(offerFor(published, { version: '1.0.0' })).toMatchObject({ isUpdate: false });
  });

  it('reaches whom it reached before when more get it, and everyone in the end', () => {
    const percent = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(fc.uuid(), fc.string(), percent, percent, (id, installation, one, two) => {
        const at = (rolloutPercent: number) => isOpenTo(release('1.0.0', { id, rolloutPercent }), installation);
        if (at(Math.min(one, two))) expect(at(Math.max(one, two))).toBe(true);
        expect([at(0), at(100)]).toEqual([false, true]);
      }),
    );
  });

  it('reaches about as many as it says, and others with the next release', () => {
    const installations = Array.from({ length: 5_000 }, (_, index) => `installation-${index}`);
    const reached = (id: string) =>
      installations.filter((one) => isOpenTo(release('1.0.0', { id, rolloutPercent: 20 }), one));
    const [first, second] = [reached('first'), reached('second')];
    for (const some of [first, second]) expect(Math.abs(some.length / 5_000 - 0.2)).toBeLessThan(0.03);
    const both = first.filter((one) => second.includes(one));
    expect(Math.abs(both.length / 5_000 - 0.04)).toBeLessThan(0.02);
  });
});
