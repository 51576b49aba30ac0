/**
 * The text that calls a function of schema `tollgate` with so many parameters. Their types are the function's own: it has no namesake, and a
 * text that named them once more would be read and checked with every call.
 */
export function functionCall(name: string, parameterCount: number): string {
  const parameters = Array.from({ length: parameterCount }, (_, index) => `$${index + 1}`);
  return `select * from tollgate.${name}(${parameters.join(', ')})`;
}
