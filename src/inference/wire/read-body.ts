import type { z } from 'zod';
import type { FieldError } from '../../common/errors/app-error.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { UnknownParameterError, UnsupportedParameterError } from '../inference.errors.js';
import { type Faults, FIELD_ERRORS_MAX, nameOf, sortFaults } from './field-errors.js';

/** Most fields that one answer header can name as dropped; the same member of many items is one. */
const DROPPED_MAX = 32;

const NO_FAULTS: Faults = { unknown: [], failed: [] };

/** What a body of one wire format may hold. */
export interface BodyForm<Body> {
  schema: z.ZodType<Body> & { shape: Readonly<Record<string, unknown>> };
  /**
   * Known fields that change what the provider charges and that no model prices, each with the values that are the provider's default: such a
   * value changes nothing, passes and is not sent.
   */
  priceChanging: ReadonlyMap<string, readonly unknown[]>;
  /** Unknown fields without which the request would be another one: refused, whatever may be dropped. */
  neverDropped?: ReadonlySet<string>;
  /** What a client of the format wants to know of members that are refused as unknown, to do without them. */
  unknownDetails?: (names: readonly string[]) => Record<string, unknown>;
  /** What the schema cannot say of a body that fits it. */
  check: (body: Body) => BodyFaults;
}

export interface BodyFaults {
  failed: FieldError[];
  /** Members inside the body that change the price, by their names. */
  unsupported: string[];
}

/**
 * Reads a body as it came. With `dropUnsupported`, unknown and price-changing fields are left out and named instead of refused, wherever they
 * stand.
 * @throws InvalidRequestError | UnknownParameterError | UnsupportedParameterError, each naming every field at fault.
 */
export function readBody<Body>(
  raw: unknown,
  form: BodyForm<Body>,
  { dropUnsupported }: { dropUnsupported: boolean },
): { body: Body; dropped: string[] } {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw InvalidRequestError.of([{ field: 'body', message: 'must be a JSON object' }]);
  }
  const sorted = sortFields(raw as Record<string, unknown>, form);
  const { found, faults, dropped: droppedInside } = judge(sorted.fields, form, dropUnsupported);
  const inside = found.success ? form.check(found.data) : { failed: [], unsupported: [] };
  const failed = [...faults.failed, ...inside.failed];
  const unsupported = [...sorted.unsupported, ...inside.unsupported];
  const mayDrop = (name: string) => dropUnsupported && !form.neverDropped?.has(name);
  const dropped = dropUnsupported ? [...sorted.unknown.filter(mayDrop), ...droppedInside, ...unsupported] : [];
  const unknownInside = faults.unknown.slice(0, FIELD_ERRORS_MAX).map(nameOf);
  const refusedUnknown = [...sorted.unknown.filter((name) => !mayDrop(name)), ...unknownInside];
  const refusedUnsupported = dropUnsupported ? [] : unsupported;
  if (dropped.length > DROPPED_MAX) {
    failed.push({ field: 'body', message: `must have at most ${DROPPED_MAX} fields to drop` });
  }
  if (failed.length > 0) throw invalidBody(failed, refusedUnknown);
  if (refusedUnknown.length > 0) {
    const details = form.unknownDetails?.(refusedUnknown);
    throw new UnknownParameterError(capped(refusedUnknown), capped(refusedUnsupported), details);
  }
  if (refusedUnsupported.length > 0) throw new UnsupportedParameterError(capped(refusedUnsupported));
  if (!found.success) throw new Error('a body without faults did not parse');
  return { body: found.data, dropped };
}

function sortFields<Body>(raw: Record<string, unknown>, { schema, priceChanging }: BodyForm<Body>) {
  const fields: Record<string, unknown> = {};
  const unknown: string[] = [];
  const unsupported: string[] = [];
  for (const [field, value] of Object.entries(raw)) {
    if (Object.hasOwn(schema.shape, field)) fields[field] = value;
    else if (!priceChanging.has(field) && !field.endsWith('_batch')) unknown.push(nameOf([field]));
    else if (!isNeutral(value, priceChanging.get(field))) unsupported.push(nameOf([field]));
  }
  return { fields, unknown, unsupported };
}

/** What the schema says of the known fields; where it may, without the members inside them that it does not know. */
function judge<Body>(fields: Record<string, unknown>, { schema }: BodyForm<Body>, mayDrop: boolean) {
  const parse = (value: unknown) => {
    const found = schema.safeParse(value, { reportInput: true });
    return { found, faults: found.success ? NO_FAULTS : sortFaults(found.error.issues) };
  };
  const whole = parse(fields);
  const { unknown, failed } = whole.faults;
  if (!mayDrop || unknown.length === 0) return { ...whole, dropped: [] };
  const dropped = namesOf(unknown);
  // Too many to be named are refused, and nothing is made of the rest.
  if (dropped.length > DROPPED_MAX) return { ...whole, faults: { failed, unknown: [] }, dropped };
  return { ...parse(without(fields, unknown)), dropped };
}

type Members = Record<PropertyKey, unknown>;

/** A copy without the members at these paths. What holds none of them is not copied, and what holds many is copied once. */
function without(fields: Members, paths: readonly PropertyKey[][]): Members {
  const copies = new Set<unknown>();
  const copyOf = (value: unknown): Members => {
    if (copies.has(value)) return value as Members;
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Members;
    copies.add(copy);
    return copy;
  };
  const root = copyOf(fields);
  for (const path of paths) {
    let holder = root;
    for (const key of path.slice(0, -1)) holder = holder[key] = copyOf(holder[key]);
    delete holder[path.at(-1)!];
  }
  return root;
}

/**
 * What members inside are called where they were left out: each by its place, and one that many items of a list had, once for all of them. No
 * more than one beyond what may be dropped.
 */
function namesOf(paths: readonly PropertyKey[][]): string[] {
  const places = new Map<string, PropertyKey[]>();
  for (const path of paths) {
    const shared = path.map((key) => (typeof key === 'number' ? '*' : key));
    const place = shared.join('.');
    const known = places.get(place);
    if (!known) places.set(place, path);
    else if (known.some((key, depth) => key !== path[depth])) places.set(place, shared);
    if (places.size > DROPPED_MAX) break;
  }
  return [...places.values()].map(nameOf);
}

/** Whether the value of a price-changing field stands for its absence. */
function isNeutral(value: unknown, neutral: readonly unknown[] = []): boolean {
  return value === null || neutral.some((candidate) => JSON.stringify(candidate) === JSON.stringify(value));
}

function invalidBody(failed: FieldError[], unknown: string[]): InvalidRequestError {
  const errors = [...failed, ...unknown.map((field) => ({ field, message: 'is not a known field' }))];
  return InvalidRequestError.of(errors.slice(0, FIELD_ERRORS_MAX));
}

function capped(names: string[]): string[] {
  return names.slice(0, FIELD_ERRORS_MAX);
}
