import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsIn, IsObject, IsOptional } from 'class-validator';
import { ANY_VALUE } from '../../common/http/api-schemas.js';
import type { ParameterConstraint, ParameterRule } from '../domain/parameter-constraint.js';
import type { ParameterViolation } from '../domain/parameter-violation.js';
import { ModelChangeRequest } from './admin-route.js';
import { META_EXAMPLE, TRIAL_EXAMPLE } from './model-examples.js';

const FREE = { type: 'object', additionalProperties: true };
const CONSTRAINT = {
  type: 'object',
  additionalProperties: true,
  description: 'Shape and rules: docs/models.md',
  example: META_EXAMPLE.parameterConstraints.temperature,
} as const;

export class ConstraintsDto {
  @ApiProperty({ type: 'object', additionalProperties: true, example: META_EXAMPLE.parameterConstraints })
  parameterConstraints!: Record<string, ParameterConstraint>;

  @ApiProperty({ type: 'array', items: FREE }) parameterRules!: ParameterRule[];
  @ApiProperty({ type: [String], description: 'Every parameter that can be constrained' }) known!: readonly string[];
}

export class ConstraintDto {
  @ApiProperty({ example: 'temperature' }) parameter!: string;
  @ApiProperty(CONSTRAINT) constraint!: ParameterConstraint;
}

export class ConstraintRequest extends ModelChangeRequest {
  @ApiProperty(CONSTRAINT)
  @IsObject()
  constraint!: Record<string, unknown>;
}

export class TrialRequest {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'As a chat would send them',
    example: TRIAL_EXAMPLE,
  })
  @IsObject()
  parameters!: Record<string, unknown>;

  @ApiPropertyOptional({ enum: ['reject', 'drop'], default: 'reject', description: 'As X-Unsupported-Parameters' })
  @IsOptional()
  @IsIn(['reject', 'drop'])
  unsupported?: 'reject' | 'drop';

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'To try constraints before they are saved; left out: the model’s own',
  })
  @IsOptional()
  @IsObject()
  parameterConstraints?: Record<string, unknown>;

  @ApiPropertyOptional({ type: 'array', items: FREE, description: 'The same for rules' })
  @IsOptional()
  @IsArray()
  parameterRules?: unknown[];
}

class TrialDecisionDto {
  @ApiProperty() parameter!: string;
  @ApiPropertyOptional(ANY_VALUE) requested?: unknown;
  @ApiProperty({ example: 'refused' }) outcome!: string;
  @ApiPropertyOptional() sentAs?: string;
  @ApiPropertyOptional(ANY_VALUE) sent?: unknown;
  @ApiProperty() explanation!: string;
  @ApiProperty({ type: 'array', items: FREE, description: 'Rule, range or allowed values, reason and a suggestion' })
  violations!: ParameterViolation[];
}

class OutputLimitDto {
  @ApiProperty({ example: 'max_tokens' }) parameter!: string;
  @ApiProperty() tokens!: number;
}

export class TrialDto {
  @ApiProperty({ description: 'Whether a chat with these parameters would pass' }) wouldPass!: boolean;
  @ApiProperty({ type: [TrialDecisionDto] }) decisions!: TrialDecisionDto[];
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'What the provider would be sent' })
  sent!: Record<string, unknown>;
  @ApiProperty({
    description: 'The value of X-Parameters-Applied',
    example: 'max_tokens=renamed;to="max_completion_tokens"',
  })
  applied!: string;
  @ApiProperty({ type: OutputLimitDto, nullable: true, description: 'What the hold would assume for each choice' })
  outputLimit!: OutputLimitDto | null;
}
