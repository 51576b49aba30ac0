import { Ajv, type ValidateFunction } from 'ajv';
import { LRUCache } from 'lru-cache';

/** Violations that are told of one result: a model mends no more at once. */
const FAULTS_MAX = 10;
const SCHEMAS_KEPT_MAX = 200;

const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, addUsedSchema: false });
const compiled = new LRUCache<string, ValidateFunction>({ max: SCHEMAS_KEPT_MAX });

/** Why a schema cannot be used for results, or null. They are objects, whose form a model is told as that of a function's parameters. */
export function schemaFault(schema: Record<string, unknown>): string | null {
  if (schema['type'] !== 'object') return 'must describe an object: { "type": "object", … }';
  if ('$async' in schema) return 'must not be asynchronous: leave out $async';
  try {
    validatorOf(schema);
    return null;
  } catch (error) {
    return `must compile: ${(error as Error).message}`;
  }
}

/** Where a result breaks its schema, each fault as a sentence; empty where it fits. */
export function resultFaults(schema: Record<string, unknown>, result: unknown): string[] {
  const validate = validatorOf(schema);
  if (validate(result)) return [];
  const faults = validate.errors ?? [];
  return faults
    .slice(0, FAULTS_MAX)
    .map(({ instancePath, message }) => `${instancePath || 'the result'} ${message ?? 'is wrong'}`);
}

function validatorOf(schema: Record<string, unknown>): ValidateFunction {
  const text = JSON.stringify(schema);
  const known = compiled.get(text) ?? ajv.compile(schema);
  compiled.set(text, known);
  return known;
}
