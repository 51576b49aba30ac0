import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findViolations } from './architecture.js';

const ROOT = join(import.meta.dirname, '..', '..');

function sourceTree(): Map<string, string> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return new Map(
    files.map((file) => [`src/${file.replaceAll('\\', '/')}`, readFileSync(join(ROOT, 'src', file), 'utf8')]),
  );
}

function rulesBrokenBy(file: string, text: string): string[] {
  return findViolations(new Map([[file, text]])).map((violation) => violation.rule);
}

describe('the layout', () => {
  it('is kept by every file of src', () => {
    const sources = sourceTree();
    expect(sources.size).toBeGreaterThan(20);
    expect(findViolations(sources)).toEqual([]);
  });

  it.each([
    ['an upward import', 'module-dag', 'src/credits/a.service.ts', `import { X } from '../subscription/x.js';`],
    ['an import between siblings', 'module-dag', 'src/analysis/a.ts', `import { X } from '../generation/x.js';`],
    ['a type-only upward import', 'module-dag', 'src/auth/a.ts', `import type { X } from '../models/x.js';`],
    ['a dynamic upward import', 'module-dag', 'src/common/a.ts', `await import('../config/config.js');`],
    ['an import of the bootstrap', 'module-dag', 'src/usage/a.ts', `import { createApp } from '../bootstrap.js';`],
    ['an import from outside src', 'module-dag', 'src/usage/a.ts', `import { seed } from '../../seeders/a.js';`],
    ['a module that the DAG does not know', 'known-module', 'src/billing/a.ts', ''],
    ['Nest in domain code', 'pure-domain', 'src/credits/domain/a.ts', `import { Injectable } from '@nestjs/common';`],
    ['an entity in domain code', 'pure-domain', 'src/credits/domain/a.ts', `import { Hold } from '../hold.entity.js';`],
    ['the clock in domain code', 'pure-domain', 'src/credits/domain/a.ts', 'const now = new Date();'],
    ['randomness in domain code', 'pure-domain', 'src/usage/domain/a.ts', 'const id = Math.random();'],
    ['a file named after nothing', 'names', 'src/credits/utils.ts', ''],
    ['a folder named after nothing', 'names', 'src/credits/helpers/a.ts', ''],
    ['forwardRef', 'forward-ref', 'src/credits/a.module.ts', 'imports: [forwardRef(() => X)]'],
    ['a stray look at the environment', 'environment', 'src/usage/a.ts', 'const port = process.env.PORT;'],
    [
      'an exported repository',
      'exported-repository',
      'src/credits/a.module.ts',
      'exports: [CreditsService, HoldRepository]',
    ],
    ['a file of too many rooms', 'file-size', 'src/credits/a.ts', '\n'.repeat(400)],
  ])('is broken by %s', (_name, rule, file, text) => {
    expect(rulesBrokenBy(file, text)).toEqual([rule]);
  });

  it('is not broken by what it allows', () => {
    expect(
      rulesBrokenBy('src/usage/a.ts', `import { X } from '../credits/x.js'; import { Y } from '../common/y.js';`),
    ).toEqual([]);
    expect(
      rulesBrokenBy(
        'src/usage/domain/cost.ts',
        `import { ceilDiv } from '../../common/domain/money.js'; const at = new Date(0);`,
      ),
    ).toEqual([]);
  });
});
