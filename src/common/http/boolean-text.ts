import { Transform } from 'class-transformer';

/** A query is text: `true` and `false` become what they say. Anything else stays as it came, for the rule of the field to refuse. */
export function BooleanText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value));
}
