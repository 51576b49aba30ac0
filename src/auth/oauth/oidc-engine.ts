/**
 * The engine's values. It warns on every start of a Node line that has no long-term-support name yet, on standard error and past every
 * logger; that one line is held back while it loads. Types come from the package itself.
 */
const warn = console.warn;
console.warn = (...parts: unknown[]): void => {
  if (!String(parts[0]).includes('Unsupported runtime')) warn(...parts);
};
const engine = await import('oidc-provider');
console.warn = warn;

export const { Provider, errors, interactionPolicy } = engine;
