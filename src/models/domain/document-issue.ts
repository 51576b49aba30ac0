/** One fault of a stored document: where, as a path of keys and positions, and what is wrong with it. */
export interface DocumentIssue {
  path: (string | number)[];
  message: string;
}

/** A path as people write it: `meta.parameterRules[0].unless`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
