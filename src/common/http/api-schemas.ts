import { ApiProperty } from '@nestjs/swagger';

/** An amount of money as the API description has it. */
export class MoneyView {
  @ApiProperty({ example: '0.012000000', description: 'A decimal string with nine digits after the point' })
  amount!: string;
  @ApiProperty({ enum: ['USD'] }) currency!: 'USD';
}

/** What a parameter may be that is no list and no object. */
export const SINGLE_VALUE = { oneOf: [{ type: 'number' }, { type: 'string' }, { type: 'boolean' }] };

/** Any JSON value, null included. */
export const ANY_VALUE = {
  nullable: true,
  oneOf: [...SINGLE_VALUE.oneOf, { type: 'array', items: {} }, { type: 'object', additionalProperties: true }],
};

/** The answer of a route that is no JSON, in each of the media types that it may have. */
export function textOf(...mediaTypes: string[]): Record<string, { schema: { type: 'string' } }> {
  return Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema: { type: 'string' } }]));
}
