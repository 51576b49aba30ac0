import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { CIRCUIT_STATES, type CircuitBreakerStatus, type CircuitStateName } from './circuit-breaker.entity.js';

const NAME_LENGTH_MAX = 100;

export class CircuitRequest extends ReasonRequest {
  @ApiProperty({ example: 'openai', maxLength: NAME_LENGTH_MAX })
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  provider!: string;

  @ApiProperty({ example: 'gpt-5-mini', maxLength: NAME_LENGTH_MAX })
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  modelId!: string;
}

export class CircuitView {
  @ApiProperty() provider!: string;
  @ApiProperty() modelId!: string;
  @ApiProperty({ enum: CIRCUIT_STATES }) state!: CircuitStateName;
  @ApiProperty({ description: 'Whether an operator holds it open' }) isHeld!: boolean;
  @ApiProperty() failureCount!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) openedAt!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When one call will try again' })
  nextProbeAt!: string | null;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class CircuitListView {
  @ApiProperty({ type: [CircuitView] }) data!: CircuitView[];
}

export function toCircuitView(status: CircuitBreakerStatus): CircuitView {
  const { provider, modelId, state, failureCount, openedAt, nextProbeAt, updatedAt } = status;
  return {
    provider,
    modelId,
    state,
    isHeld: state === 'open' && !nextProbeAt,
    failureCount,
    openedAt: openedAt?.toISOString() ?? null,
    nextProbeAt: nextProbeAt?.toISOString() ?? null,
    updatedAt: updatedAt.toISOString(),
  };
}
