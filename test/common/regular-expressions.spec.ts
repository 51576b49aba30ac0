import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import ts from 'typescript';

const SOURCES = join(import.meta.dirname, '..', '..', '..', 'src');
/** An expression that backtracks without end does not get through a hundredth of it; one whose work grows with the square takes milliseconds. */
const TEXT_LENGTH = 2_000;
/** Minutes would be the sign; a loaded machine needs seconds. */
const TIMEOUT_MS = 10_000;
const CHARACTERS = ['a', 'A', '0', ' ', '\t', '\n', '/', '-', '_', '.', ',', '@', '=', '"', '\\', '(', '%', 'ä'];

interface Expression {
  where: string;
  literal: string;
}

/** Every regular expression that the product's own source has. */
function expressions(): Expression[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .flatMap((file) => {
      const found: Expression[] = [];
      const source = ts.createSourceFile(file, readFileSync(join(SOURCES, file), 'utf8'), ts.ScriptTarget.Latest);
      const visit = (node: ts.Node): void => {
        if (ts.isRegularExpressionLiteral(node)) found.push({ where: file, literal: node.text });
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
}

/** Long texts that nearly fit: one character over and over, two in turn, and an end that fits nothing. */
function hostileTexts(literal: string): string[] {
  const own = [...new Set(literal.replaceAll(/\\./g, ''))].filter((character) => /[\w\p{P}\p{S}]/u.test(character));
  const units = [...CHARACTERS, ...own, 'a.', 'a-', ' a', 'a,', '0.', 'a@', ...own.map((character) => `a${character}`)];
  return [...new Set(units)].map((unit) => `${unit.repeat(Math.floor(TEXT_LENGTH / unit.length))}\u0000`);
}

/** Whether the expression gets to the end of every text. The context's clock can stop an expression; ours cannot. */
function isBounded(literal: string, texts = hostileTexts(literal)): boolean {
  try {
    runInContext(`for (const text of texts) text.search(${literal})`, createContext({ texts }), {
      timeout: TIMEOUT_MS,
    });
    return true;
  } catch {
    return false;
  }
}

describe('a regular expression of the product', () => {
  it('T28 gets through long texts that nearly fit, whatever they are made of', () => {
    const found = expressions();
    expect(found.length).toBeGreaterThan(50);
    expect(found.filter(({ literal }) => !isBounded(literal))).toEqual([]);
  }, 240_000);

  it('T28 that repeats what repeats is seen by this test', () => {
    expect(isBounded('/^(a+)+$/', [`${'a'.repeat(100)}!`])).toBe(false);
  });
});
