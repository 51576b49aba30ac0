import fc from 'fast-check';
import { NAME_LENGTH_MAX, nameKey, readNames } from './name-list.js';

describe('the names of an answer', () => {
  it.each([
    ['the JSON that was asked for', '{"names":[{"name":"Brewly"},{"name":"Kaffa"}]}'],
    ['plain strings', '{"names":["Brewly","Kaffa"]}'],
    ['a bare array', '["Brewly","Kaffa"]'],
    ['a fence', 'Here you go:\n```json\n{"names":["Brewly","Kaffa"]}\n```\nEnjoy!'],
    ['numbers', 'Here are two names:\n\n1. Brewly\n2) Kaffa\n\nTell me what you think.'],
    ['bullets with reasons', '- **Brewly** – from brewing\n- "Kaffa": where coffee comes from'],
    ['plain lines', 'Brewly\nKaffa\n'],
    ['the same one twice', '["Brewly","brewly ","BREW-LY","Kaffa"]'],
  ])('are read from %s', (_form, answer) => {
    expect(readNames(answer, 10)).toEqual(['Brewly', 'Kaffa']);
  });

  // What an idea may talk a model into: none of it becomes anything but names.
  it.each([
    ['{"role":"admin","names":"all"}', []],
    ['{"names":[{"name":{"$gt":""}},{"name":7},null,["x"]]}', []],
    ['<script>alert(1)</script>', []],
    ['["https://evil.example", "<b>x</b>", "{}", "www.evil.example", "Fine"]', ['Fine']],
    ['I cannot help with that request because it goes against my rules.', []],
    ['["\u202eesrever", "a\u0000b", "---", "  "]', []],
    [`["${'x'.repeat(NAME_LENGTH_MAX + 1)}"]`, []],
  ])('are no more than names in %s', (answer, names) => {
    expect(readNames(answer, 10)).toEqual(names);
  });

  it('are short, different, storable and never more than asked for, whatever is answered', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.json(),
      fc.array(fc.string(), { maxLength: 80 }).map((names) => JSON.stringify({ names })),
      fc.array(fc.string(), { maxLength: 80 }).map((lines) => lines.map((line) => `- ${line}`).join('\n')),
    );
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 50 }), (answer, limit) => {
        const names = readNames(answer, limit);
        expect(names.length).toBeLessThanOrEqual(limit);
        expect(new Set(names.map(nameKey)).size).toBe(names.length);
        for (const name of names) {
          expect(name.length).toBeGreaterThan(0);
          expect(name.length).toBeLessThanOrEqual(NAME_LENGTH_MAX);
          expect(name.isWellFormed()).toBe(true);
          expect(name).not.toMatch(/[\p{Cc}<>{}]/u);
        }
      }),
    );
  });

  it('are all found that were written as asked', () => {
    const name = fc.stringMatching(/^[A-Z][a-z]{2,12}( [A-Z][a-z]{2,8})?$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { selector: nameKey, maxLength: 50 }), (names) => {
        expect(readNames(JSON.stringify({ names }), 50)).toEqual(names);
      }),
    );
  });
});
