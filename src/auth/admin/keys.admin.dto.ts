import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional } from 'class-validator';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { nextStepAt } from '../oauth/key-rotation.service.js';
import { SIGNING_KEY_STATES, type SigningKey } from '../oauth/signing-key.entity.js';

export class RotateKeysRequest extends ReasonRequest {
  @ApiPropertyOptional({
    default: false,
    description: 'For keys that somebody else may have: all access tokens are refused at once and clients refresh',
  })
  @IsOptional()
  @IsBoolean()
  emergency: boolean = false;
}

/** A signing key without its private half. */
export class SigningKeyView {
  @ApiProperty()
  kid!: string;

  @ApiProperty({ example: 'ES256' })
  alg!: string;

  @ApiProperty({ enum: SIGNING_KEY_STATES, description: 'next: published, does not sign yet. retiring: signs no more' })
  state!: SigningKey['state'];

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  activatedAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  retiredAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the next step is due' })
  nextStepAt!: string | null;
}

export class SigningKeysView {
  @ApiProperty({ type: [SigningKeyView], description: 'Newest first' })
  data!: SigningKeyView[];
}

export function toSigningKeysView(keys: readonly SigningKey[]): SigningKeysView {
  return {
    data: keys.map((key) => ({
      kid: key.kid,
      alg: key.alg,
      state: key.state,
      createdAt: key.createdAt.toISOString(),
      activatedAt: key.activatedAt?.toISOString() ?? null,
      retiredAt: key.retiredAt?.toISOString() ?? null,
      nextStepAt: nextStepAt(key)?.toISOString() ?? null,
    })),
  };
}
