/**
 * The engine warns on every start of a Node line that has no long-term-support name yet, on standard error and past every logger. That one
 * line is held back from the moment this module is imported until `speakAgain`.
 */
const warn = console.warn;
console.warn = (...parts: unknown[]): void => {
  if (!String(parts[0]).includes('Unsupported runtime')) warn(...parts);
};

export function speakAgain(): void {
  console.warn = warn;
}
