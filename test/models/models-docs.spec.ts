import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { ModelMeta } from '../../src/models/domain/model-meta.js';
import type { ParameterConstraints, ParameterRule } from '../../src/models/domain/parameter-constraint.js';
import { resolveParameters } from '../../src/models/domain/parameter-constraints.js';
import { formatParametersApplied } from '../../src/models/domain/parameters-applied.js';
import { createTestDatabase } from '../support/test-server.js';
import { AdminConsole } from './admin-console.js';

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'models.md'), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```(\w+)(?: (\w+))?\n(.*?)^```/gms)].map(([, language, kind, text]) => ({
  language: language!,
  kind: kind ?? '',
  text: text!,
}));

interface Example {
  constraints: ParameterConstraints;
  rules: ParameterRule[];
  request: Record<string, unknown>;
  answer: { violations?: object[]; sent?: Record<string, unknown>; applied?: string };
}

function examples(): Example[] {
  const found: Example[] = [];
  let current: Partial<Example> = {};
  for (const { kind, text } of BLOCKS.filter(({ language }) => language === 'json')) {
    const value = JSON.parse(text) as never;
    if (kind === 'constraints') current = { constraints: value, rules: [] };
    else current = { ...current, [kind]: value };
    if (kind === 'answer') found.push(current as Example);
  }
  return found;
}

describe('docs/models.md', () => {
  it.each(examples().map((example) => [JSON.stringify(example.request), example] as const))(
    'gives the answer that %s gets',
    (_name, { constraints, rules, request, answer }) => {
      const resolved = resolveParameters(constraints, rules, request);
      if (answer.violations) expect(resolved.violations).toMatchObject(answer.violations);
      else {
        expect(resolved.violations).toEqual([]);
        expect(resolved.parameters).toEqual(answer.sent);
        expect(formatParametersApplied(resolved.applied)).toBe(answer.applied);
      }
    },
  );

  it('names every kind of constraint and every key of the meta', () => {
    expect(examples().length).toBeGreaterThan(8);
    for (const key of Object.keys(ModelMeta.shape)) expect(PAGE).toContain(`\`${key}\``);
    for (const rule of ['range', 'allowed_values', 'max_items', 'mutually_exclusive', 'condition', 'unsupported']) {
      expect(PAGE).toContain(`"rule": "${rule}"`);
    }
  });

  it('shows queries that the named index serves', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('set enable_seqscan = off');
      const queries = BLOCKS.filter(({ language }) => language === 'sql');
      expect(queries.length).toBeGreaterThan(4);
      for (const { kind, text } of queries) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`);
        expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(kind);
      }
    } finally {
      await client.end();
      await database.drop();
    }
  });

  it('shows commands that do what they say', async () => {
    const console = await AdminConsole.start();
    try {
      const shell = BLOCKS.filter(({ language }) => language === 'sh')
        .map(({ text }) => text)
        .join('\n');
      const bodies = [...shell.matchAll(/-d '(\{.*?\n?\})'/gs)].map(([, body]) => JSON.parse(body!) as object);
      const [model, constraint, trial] = bodies;
      expect((await console.post('/admin/models', model)).status).toBe(201);
      const path = '/admin/models/my-model/parameter-constraints';
      expect((await console.edit('PUT', `${path}/temperature`, constraint)).status).toBe(200);
      expect((await console.post(`${path}/test`, trial)).body).toMatchObject({ wouldPass: false });
    } finally {
      await console.close();
    }
  });
});
