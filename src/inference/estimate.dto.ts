import { ApiProperty } from '@nestjs/swagger';

export class EstimateRefusalDto {
  @ApiProperty({ example: 'insufficient_credits', description: 'The code that the chat itself would be refused with' })
  code!: string;

  @ApiProperty({ example: 402 })
  status!: number;

  @ApiProperty()
  message!: string;

  @ApiProperty({ type: String, nullable: true })
  param!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  details!: Record<string, unknown>;
}

export class EstimateTokensDto {
  @ApiProperty({ description: 'The most that the input can count: what the hold assumes' })
  input!: number;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The input as a tokenizer counts it; null where it took too long',
  })
  inputCounted!: number | null;

  @ApiProperty({ description: 'Tokens of images at their most, part of input' })
  image!: number;

  @ApiProperty({ description: 'The most that all choices together can answer' })
  output!: number;

  @ApiProperty()
  choices!: number;

  @ApiProperty()
  imageCount!: number;
}

/** Credits per token, as decimal strings, like a receipt's. */
export class EstimateRatesDto {
  @ApiProperty({ example: '0.001000' })
  input!: string;

  @ApiProperty({ example: '0.001000' })
  cachedInput!: string;

  @ApiProperty({ example: '0.001000' })
  cacheWrite!: string;

  @ApiProperty({ example: '0.001000' })
  image!: string;

  @ApiProperty({ example: '0.001000' })
  output!: string;

  @ApiProperty({ example: '0.001000' })
  reasoning!: string;
}

export class EstimateParametersDto {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'What the provider would be sent' })
  sent!: Record<string, unknown>;

  @ApiProperty({ example: 'max_tokens=renamed;to="max_completion_tokens"', description: 'As X-Parameters-Applied' })
  applied!: string;
}

export class EstimateDto {
  @ApiProperty({ enum: ['estimate'] })
  object!: 'estimate';

  @ApiProperty({ example: 'sandbox-echo' })
  model!: string;

  @ApiProperty({ type: Number, nullable: true })
  modelVersion!: number | null;

  @ApiProperty({ description: 'Whether the same chat would be answered now' })
  wouldPass!: boolean;

  @ApiProperty({
    type: [EstimateRefusalDto],
    description: 'Everything that stands against it; empty where it would pass',
  })
  refusals!: EstimateRefusalDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    example: '0.121000',
    description: 'What would be held: the most it can cost',
  })
  creditsMax!: string | null;

  @ApiProperty({ type: String, nullable: true, example: '0.107000', description: 'The same with the input as counted' })
  creditsCounted!: string | null;

  @ApiProperty({ type: EstimateTokensDto, nullable: true })
  tokens!: EstimateTokensDto | null;

  @ApiProperty({
    type: EstimateRatesDto,
    nullable: true,
    description: 'Those of creditsMax: of a long context where the input may be one',
  })
  rates!: EstimateRatesDto | null;

  @ApiProperty({ type: EstimateParametersDto, nullable: true })
  parameters!: EstimateParametersDto | null;
}
