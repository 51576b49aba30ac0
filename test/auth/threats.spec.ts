import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Threats that each spec file names: a spec begins with their numbers, a comma between them. */
function shownBySpecs(): Map<string, string[]> {
  const files = ['test', 'src'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.spec.ts'))
      .map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
  );
  const named = /(?:\b(?:it|describe)|\]\s*\))\(\s*['`"](T\d+(?:, T\d+)*) /g;
  return new Map(
    files.map((file) => {
      const numbers = [...read(file).matchAll(named)].flatMap(([, list]) => list?.split(', ') ?? []);
      return [file, [...new Set(numbers)]] as const;
    }),
  );
}

/** What the document says: pairs of a threat and a spec file. */
function listed(): string[] {
  const lines = read('docs/threats.md').replaceAll('\n  ', ' ').split('\n');
  return lines.flatMap((line) => {
    const threat = /^- (T\d+) /.exec(line)?.[1];
    return threat ? [...line.matchAll(/`((?:test|src)\/[^`]+)`/g)].map(([, file]) => `${threat} ${file}`) : [];
  });
}

describe('docs/threats.md', () => {
  it('names for each threat the specs that carry its number, all of them and no other', () => {
    const shown = [...shownBySpecs()].flatMap(([file, threats]) => threats.map((threat) => `${threat} ${file}`));
    expect(listed().toSorted(byText)).toEqual(shown.toSorted(byText));
  });
});

function byText(a: string, b: string): number {
  return a.localeCompare(b);
}
