/** A part of a function's text, and what stands there afterwards. */
export type Part = readonly [from: string, to: string];

/**
 * The statement that replaces parts of a function of schema `tollgate`; its settings stay. Each part has to be there: otherwise the function is
 * not the one that the migration knows, and nothing is changed.
 */
export function rewriteFunction(name: string, parts: readonly Part[]): string {
  const steps = parts.map(
    ([from, to]) => `
      if position($part$${from}$part$ in definition) = 0 then
        raise exception 'tollgate.${name} is not as the migration before left it';
      end if;
      definition := replace(definition, $part$${from}$part$, $part$${to}$part$);`,
  );
  return `
    do $do$
    declare
      definition text := pg_get_functiondef('tollgate.${name}'::regproc);
    begin${steps.join('')}
      execute definition;
    end $do$`;
}
