import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { unstorableIn } from '../domain/storable.js';
import type { FieldError } from '../errors/app-error.js';
import { InvalidRequestError } from '../errors/common.errors.js';

const EACH_VALUE = 'each value ';
/** How many faults of one request are told. */
const FAULTS_MAX = 100;

interface JsonType {
  name: string;
  isMet(value: unknown): boolean;
}
const STRING: JsonType = { name: 'a string', isMet: (value) => typeof value === 'string' };
const NUMBER: JsonType = { name: 'a number', isMet: (value) => typeof value === 'number' };
const ARRAY: JsonType = { name: 'an array', isMet: (value) => Array.isArray(value) };
/** What the rules of class-validator measure that are about how long or how large something is. */
const TYPES_MEASURED: ReadonlyMap<string, JsonType> = new Map([
  ['isLength', STRING],
  ['minLength', STRING],
  ['maxLength', STRING],
  ['min', NUMBER],
  ['max', NUMBER],
  ['arrayMinSize', ARRAY],
  ['arrayMaxSize', ARRAY],
]);

/** Under which class-validator tells of a field that the class does not have. */
const UNKNOWN_FIELD = 'whitelistValidation';

/** No text of a resource may hold what PostgreSQL cannot store. */
class RequestValidation extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (this.toValidate(metadata) && unstorableIn(value) !== null) {
      const faults = Object.entries(value as object).flatMap((entry) => {
        const unstorable = unstorableIn(entry);
        return unstorable === null ? [] : [{ field: entry[0], message: `must not hold ${unstorable}` }];
      });
      throw InvalidRequestError.of(faults);
    }
    return super.transform(value, metadata);
  }
}

/** Checks every DTO class; unknown fields are refused and all faults are told at once. */
export function createValidationPipe(): ValidationPipe {
  return new RequestValidation({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
    // For the messages below; neither is in the answer.
    validationError: { target: true, value: true },
    exceptionFactory: (errors) => InvalidRequestError.of(firstOf(errors)),
  });
}

/** Nobody reads more, and a body may have a hundred thousand fields that are not known. */
function firstOf(errors: readonly ValidationError[]): FieldError[] {
  const found: FieldError[] = [];
  for (const error of errors) {
    if (found.length >= FAULTS_MAX) break;
    found.push(...flatten(error, ''));
  }
  return found.slice(0, FAULTS_MAX);
}

function flatten(error: ValidationError, prefix: string): FieldError[] {
  const field = prefix ? `${prefix}.${error.property}` : error.property;
  const own = Object.entries(error.constraints ?? {}).map(([rule, text]) => ({
    field,
    message: rule === UNKNOWN_FIELD ? unknownField(error.target) : brokenRule(error, rule, text),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, field))];
}

/** A field that is missing breaks whichever of its rules comes first; that it is missing is what helps. */
function brokenRule({ property, value }: ValidationError, rule: string, text: string): string {
  const told = text.replace(`each value in ${property} `, EACH_VALUE).replace(new RegExp(`^${property} `), '');
  if (value === undefined) return `is required: ${told}`;
  return wrongType(value, rule, told.startsWith(EACH_VALUE)) ?? told;
}

/** What has the wrong type has no length and no size, whichever of the two rules was looked at first. */
function wrongType(value: unknown, rule: string, isOfEach: boolean): string | undefined {
  if (isOfEach && !Array.isArray(value)) return 'must be an array';
  const wanted = TYPES_MEASURED.get(rule);
  const values = isOfEach ? (value as unknown[]) : [value];
  if (!wanted || values.every((one) => wanted.isMet(one))) return undefined;
  return `${isOfEach ? EACH_VALUE : ''}must be ${wanted.name}`;
}

function unknownField(target: object | undefined): string {
  const rules = target ? getMetadataStorage().getTargetValidationMetadatas(target.constructor, '', false, false) : [];
  const known = [...new Set(rules.map(({ propertyName }) => propertyName))].toSorted();
  return known.length > 0 ? `is not known here; known are ${known.join(', ')}` : 'is not known here';
}
