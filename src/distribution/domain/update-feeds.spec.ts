import fc from 'fast-check';
import { parse } from 'yaml';
import { type FeedRelease, toAppcast, toElectronFeed, toTauriFeed } from './update-feeds.js';

const RELEASE: FeedRelease = {
  version: '1.4.0',
  url: 'https://downloads.example.com/app.dmg?a=1&b=2',
  sha256: 'ab'.repeat(32),
  signature: 'c2lnbmF0dXJl',
  sizeBytes: 5_000_000,
  minSupportedVersion: '1.0.0',
  notes: 'Faster: "much" <b>\nSecond line',
  rolloutPercent: 100,
  publishedAt: new Date('2026-12-01T09:00:00Z'),
};

describe('the feeds of updaters', () => {
  it('are YAML for Electron, with the checksum in both places where it is looked for', () => {
    expect(parse(toElectronFeed(RELEASE))).toEqual({
      version: '1.4.0',
      files: [{ url: RELEASE.url, sha2: RELEASE.sha256, size: 5_000_000 }],
      path: RELEASE.url,
      sha2: RELEASE.sha256,
      releaseNotes: RELEASE.notes,
      releaseDate: '2026-12-01T09:00:00.000Z',
    });
    expect(parse(toElectronFeed({ ...RELEASE, rolloutPercent: 10 }))).toMatchObject({ stagingPercentage: 10 });
  });

  it('are JSON for Tauri', () => {
    expect(toTauriFeed(RELEASE)).toEqual({
      version: '1.4.0',
      url: RELEASE.url,
      signature: RELEASE.signature,
      notes: RELEASE.notes,
      pub_date: '2026-12-01T09:00:00.000Z',
    });
  });

  it('are an appcast for Sparkle', () => {
    const feed = toAppcast(RELEASE);
    expect(feed).toContain('url="https://downloads.example.com/app.dmg?a=1&amp;b=2" length="5000000"');
    expect(feed).toContain('sparkle:edSignature="c2lnbmF0dXJl"');
    expect(feed).toContain('<sparkle:version>1.4.0</sparkle:version>');
    expect(feed).toContain('<pubDate>Tue, 01 Dec 2026 09:00:00 GMT</pubDate>');
    expect(toAppcast(null)).not.toContain('<item>');
  });

  it('hold any notes as they are, and nothing of them as markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const notes = text.toWellFormed();
        expect(parse(toElectronFeed({ ...RELEASE, notes }))).toMatchObject({ releaseNotes: notes });
        const [, described = ''] = /<description>([^]*?)<\/description>/.exec(toAppcast({ ...RELEASE, notes })) ?? [];
        expect(described).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|apos;)/);
      }),
    );
  });
});
