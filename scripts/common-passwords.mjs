/**
 * Writes src/auth/identity/common-passwords.ts from the list that zxcvbn ships (MIT, Dan Wheeler and Dropbox): the 30 000 most frequent
 * passwords of leaked collections. The package is needed for this alone:
 *
 *   npm pack zxcvbn@4.4.2 && tar xzf zxcvbn-4.4.2.tgz && node scripts/common-passwords.mjs package/lib/frequency_lists.js
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

const [source] = process.argv.slice(2);
if (!source) throw new Error('name the list: node scripts/common-passwords.mjs package/lib/frequency_lists.js');
const { passwords } = createRequire(import.meta.url)(resolve(source));
const packed = brotliCompressSync(passwords.toSorted().join('\n')).toString('base64');
writeFileSync(
  new URL('../src/auth/identity/common-passwords.ts', import.meta.url),
  `import { brotliDecompressSync } from 'node:zlib';

/** Made by scripts/common-passwords.mjs, which says from what: ${passwords.length} lines, compressed. */
const PACKED =
  '${packed}';

let known: ReadonlySet<string> | undefined;

/** Whether this is, in lower case, one of the passwords that everybody tries first. */
export function isCommonPassword(text: string): boolean {
  known ??= new Set(brotliDecompressSync(Buffer.from(PACKED, 'base64')).toString('utf8').split('\\n'));
  return known.has(text);
}
`,
);
