import { JsonType, type Constructor, type Platform, type TransformContext, type Type } from '@mikro-orm/core';
import type { z } from 'zod';

/** What a JSONB column accepts and what it may already hold. */
export interface JsonSchemas<Value extends object> {
  /** Checked on write; refuses unknown keys where they are a fault. */
  write: z.ZodType<Value>;
  /** Checked on read; usually keeps unknown keys, so that an older program survives a newer row. The default is `write`. */
  read?: z.ZodType<object>;
}

/** Each document as it was read, by the object made of it. */
const textAsRead = new WeakMap<object, string>();

/**
 * A JSONB column whose document is checked by Zod on write and on read. A document that was read and is written back unchanged is not
 * checked again: that a newer version stored more than this one knows is no fault of the reader. The type is a class of its own for each
 * column, since the ORM copies what an instance holds.
 */
export function validatedJson<Value extends object>(schemas: JsonSchemas<Value>): Constructor<Type<Value, string>> {
  class ValidatedJson extends JsonType {
    override convertToDatabaseValue(value: unknown, platform: Platform, context?: TransformContext): string | null {
      const isDocument = typeof value === 'object' && value !== null && context?.mode !== 'query';
      const isUnchanged = isDocument && textAsRead.get(value) === JSON.stringify(value);
      const document = isDocument && !isUnchanged ? schemas.write.parse(value) : value;
      return super.convertToDatabaseValue(document, platform, context) as string | null;
    }

    override convertToJSValue(value: unknown, platform: Platform, context?: TransformContext): unknown {
      const document: unknown = super.convertToJSValue(value as string, platform, context);
      if (document === null || document === undefined) return document;
      const parsed = (schemas.read ?? schemas.write).parse(document);
      textAsRead.set(parsed, JSON.stringify(parsed));
      return parsed;
    }
  }
  return ValidatedJson as unknown as Constructor<Type<Value, string>>;
}
