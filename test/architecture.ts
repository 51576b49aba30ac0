import { posix } from 'node:path';

/** A module and the modules it names directly; what those may import, it may import too. `commands` is the command line. */
const MODULES: Record<string, string[]> = {
  common: [],
  config: ['common'],
  database: ['common', 'config'],
  monitoring: ['database'],
  jobs: ['monitoring'],
  auth: ['jobs'],
  models: ['auth'],
  credits: ['auth'],
  distribution: ['auth'],
  subscription: ['credits'],
  usage: ['models', 'credits', 'subscription'],
  inference: ['usage'],
  simulation: ['usage'],
  generation: ['inference'],
  analysis: ['inference'],
  console: ['config', 'auth'],
};

/** Rooms that wire everything together. */
const OPEN_ROOMS = ['', 'commands'];

/** The ORM's tools look for their configuration at the top; the module `database` is what uses it. */
const TOP_FILES: Record<string, string[]> = { database: ['src/mikro-orm.config.js'] };

const FILE_LINES_MAX = 350;
const BANNED_NAMES = ['utils', 'helpers', 'types', 'interfaces', 'index', 'util', 'helper'];
const DOMAIN_PACKAGES = ['zod', 'temporal-polyfill'];
const IMPURE = /\bnew Date\(\)|\bDate\.now\(|\bMath\.random\(|\brandomUUID|\brandomBytes|\bTemporal\.Now\b|\bprocess\./;
/** Besides `config`, these hand the environment on to a child process or to the person at the terminal. */
const ENVIRONMENT_READERS = ['src/database/embedded-server.ts', 'src/explain-failure.ts'];

export interface Violation {
  rule: string;
  file: string;
  detail: string;
}

/** Every breach of the layout in `sources`, which maps paths such as `src/credits/hold.entity.ts` to their text. */
export function findViolations(sources: ReadonlyMap<string, string>): Violation[] {
  return [...sources].flatMap(([file, text]) => [
    ...importViolations(file, text),
    ...domainViolations(file, text),
    ...nameViolations(file),
    ...contentViolations(file, text),
  ]);
}

function roomOf(file: string): string {
  const [, first = '', second] = file.split('/');
  return second === undefined ? '' : first;
}

function reachable(module: string): Set<string> {
  const direct = MODULES[module] ?? [];
  return new Set([module, ...direct.flatMap((name) => [...reachable(name)])]);
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/\bfrom\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|^import\s+'([^']+)'/gm)].map(
    (match) => (match[1] ?? match[2] ?? match[3])!,
  );
}

function importViolations(file: string, text: string): Violation[] {
  const room = roomOf(file);
  if (OPEN_ROOMS.includes(room)) return [];
  if (!MODULES[room]) return [{ rule: 'known-module', file, detail: `src/${room} is no module of the DAG` }];
  const allowed = reachable(room);
  return (
    importsOf(text)
      .filter((target) => target.startsWith('.'))
      .map((target) => posix.join(posix.dirname(file), target))
      .filter((target) => !TOP_FILES[room]?.includes(target))
      // A spec beside the code may hold it against the real catalogue.
      .filter((target) => !(file.endsWith('.spec.ts') && /^(seeders|test)\//.test(target)))
      .filter(
        (target) => !target.startsWith('src/') || OPEN_ROOMS.includes(roomOf(target)) || !allowed.has(roomOf(target)),
      )
      .map((target) => ({ rule: 'module-dag', file, detail: `${room} may not import ${target}` }))
  );
}

function domainViolations(file: string, text: string): Violation[] {
  if (!file.includes('/domain/') || file.endsWith('.spec.ts')) return [];
  const foreign = importsOf(text).filter((target) =>
    target.startsWith('.')
      ? !posix.join(posix.dirname(file), target).includes('/domain/')
      : !DOMAIN_PACKAGES.includes(target),
  );
  const impure = IMPURE.exec(withoutComments(text));
  return [
    ...foreign.map((target) => ({ rule: 'pure-domain', file, detail: `domain code imports ${target}` })),
    ...(impure ? [{ rule: 'pure-domain', file, detail: `domain code uses ${impure[0]}` }] : []),
  ];
}

function nameViolations(file: string): Violation[] {
  const names = file
    .split('/')
    .slice(1)
    .map((part) => part.split('.')[0]!);
  return names
    .filter((name) => BANNED_NAMES.includes(name))
    .map((name) => ({ rule: 'names', file, detail: `"${name}" says nothing about what is inside` }));
}

function contentViolations(file: string, text: string): Violation[] {
  const code = withoutComments(text);
  const found: Violation[] = [];
  const lines = text.split('\n').length;
  if (lines > FILE_LINES_MAX)
    found.push({ rule: 'file-size', file, detail: `${lines} lines, at most ${FILE_LINES_MAX}` });
  if (/\bforwardRef\b/.test(code)) found.push({ rule: 'forward-ref', file, detail: 'forwardRef hides a cycle' });
  if (/\bprocess\.env\b/.test(code) && roomOf(file) !== 'config' && !ENVIRONMENT_READERS.includes(file)) {
    found.push({ rule: 'environment', file, detail: 'only src/config reads process.env' });
  }
  const exported = /exports:\s*\[([^\]]*)\]/.exec(code)?.[1] ?? '';
  if (/Repository\b|MikroOrmModule\b/.test(exported))
    found.push({ rule: 'exported-repository', file, detail: 'a module exports services, never repositories' });
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
