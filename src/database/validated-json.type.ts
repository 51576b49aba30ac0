import { JsonType, type Platform, type TransformContext } from '@mikro-orm/core';
import type { z } from 'zod';

/** What a JSONB column accepts and what it may already hold. */
export interface JsonSchemas<Value extends object> {
  /** Checked on write; refuses unknown keys where they are a fault. */
  write: z.ZodType<Value>;
  /** Checked on read; usually keeps unknown keys, so that an older program survives a newer row. The default is `write`. */
  read?: z.ZodType<object>;
}

/**
 * A JSONB column whose document is checked by Zod on write and on read. A document that was read and is written back unchanged is not
 * checked again: that a newer version stored more than this one knows is no fault of the reader.
 */
export class ValidatedJson<Value extends object> extends JsonType {
  private readonly asRead = new WeakMap<object, string>();

  constructor(private readonly schemas: JsonSchemas<Value>) {
    super();
  }

  override convertToDatabaseValue(value: unknown, platform: Platform, context?: TransformContext): string | null {
    if (typeof value !== 'object' || value === null || context?.mode === 'query') {
      return super.convertToDatabaseValue(value, platform, context) as string | null;
    }
    if (this.asRead.get(value) === JSON.stringify(value)) {
      return super.convertToDatabaseValue(value, platform, context) as string;
    }
    return super.convertToDatabaseValue(this.schemas.write.parse(value), platform, context) as string;
  }

  override convertToJSValue(value: unknown, platform: Platform, context?: TransformContext): unknown {
    const document: unknown = super.convertToJSValue(value as string, platform, context);
    if (document === null || document === undefined) return document;
    const parsed = (this.schemas.read ?? this.schemas.write).parse(document);
    this.asRead.set(parsed, JSON.stringify(parsed));
    return parsed;
  }
}
