/** A release as the updaters of common frameworks read it. */
export interface FeedRelease {
  version: string;
  url: string;
  sha256: string;
  signature: string;
  sizeBytes: number | null;
  minSupportedVersion: string | null;
  notes: string | null;
  rolloutPercent: number;
  publishedAt: Date | null;
}

/**
 * `latest.yml` of electron-updater. JSON strings are YAML strings. The checksum is `sha2`, which it takes where there is no `sha512`; it rolls
 * out by itself, by `stagingPercentage`.
 */
export function toElectronFeed(release: FeedRelease): string {
  const { version, url, sha256, sizeBytes, notes, rolloutPercent, publishedAt } = release;
  const text = JSON.stringify;
  return [
    `version: ${text(version)}`,
    'files:',
    `  - url: ${text(url)}`,
    `    sha2: ${text(sha256)}`,
    ...(sizeBytes === null ? [] : [`    size: ${sizeBytes}`]),
    `path: ${text(url)}`,
    `sha2: ${text(sha256)}`,
    ...(notes === null ? [] : [`releaseNotes: ${text(notes)}`]),
    ...(publishedAt === null ? [] : [`releaseDate: ${text(publishedAt.toISOString())}`]),
    ...(rolloutPercent < 100 ? [`stagingPercentage: ${rolloutPercent}`] : []),
    '',
  ].join('\n');
}

/** The answer of a dynamic update server of Tauri. */
export function toTauriFeed({ version, url, signature, notes, publishedAt }: FeedRelease): object {
  return {
    version,
    url,
    signature,
    ...(notes !== null && { notes }),
    ...(publishedAt !== null && { pub_date: publishedAt.toISOString() }),
  };
}

/** An appcast of Sparkle 2 with one item, or none. */
export function toAppcast(release: FeedRelease | null): string {
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<rss version="2.0" xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle">',
    '  <channel>',
    '    <title>Releases</title>',
    ...(release ? itemOf(release) : []),
    '  </channel>',
    '</rss>',
    '',
  ].join('\n');
}

function itemOf({
  version,
  url,
  signature,
  sizeBytes,
  minSupportedVersion,
  notes,
  publishedAt,
}: FeedRelease): string[] {
  return [
    '    <item>',
    `      <title>${escaped(version)}</title>`,
    `      <sparkle:version>${escaped(version)}</sparkle:version>`,
    ...(minSupportedVersion === null
      ? []
      : [`      <sparkle:criticalUpdate sparkle:version="${escaped(minSupportedVersion)}"></sparkle:criticalUpdate>`]),
    ...(notes === null ? [] : [`      <description>${escaped(notes)}</description>`]),
    ...(publishedAt === null ? [] : [`      <pubDate>${publishedAt.toUTCString()}</pubDate>`]),
    `      <enclosure url="${escaped(url)}" length="${sizeBytes ?? 0}" type="application/octet-stream" sparkle:edSignature="${escaped(signature)}" />`,
    '    </item>',
  ];
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
// What XML 1.0 cannot hold at all, also when it is escaped.
const UNWRITABLE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function escaped(text: string): string {
  return text.replace(UNWRITABLE, '').replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
