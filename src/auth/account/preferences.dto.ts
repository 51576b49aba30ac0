import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsNumber, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import type { Preferences } from './preferences.service.js';

/** The width of the column. */
const MODEL_ID_LENGTH_MAX = 100;
/** No model takes more; what one takes less is left out of requests to it. */
const TEMPERATURE_MAX = 2;

/** Replaces all preferences: what is left out, or null, is no longer preferred. */
export class PreferencesBody {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: MODEL_ID_LENGTH_MAX, example: 'sandbox-echo' })
  @IsOptional()
  @Length(1, MODEL_ID_LENGTH_MAX)
  @IsString()
  defaultModel?: string | null;

  @ApiPropertyOptional({ type: Number, nullable: true, minimum: 0, maximum: TEMPERATURE_MAX, example: 0.7 })
  @IsOptional()
  @Max(TEMPERATURE_MAX)
  @Min(0)
  @IsNumber({ maxDecimalPlaces: 2 })
  temperature?: number | null;

  @ApiPropertyOptional({ type: Boolean, default: false })
  @IfSent()
  @IsBoolean()
  streaming?: boolean;
}

/** What applies to chats that say nothing. */
export class PreferencesView implements Preferences {
  @ApiProperty({ type: String, nullable: true, description: 'Taken where a chat names no model' })
  defaultModel!: string | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'Taken where a chat has no temperature and its model takes this one',
  })
  temperature!: number | null;

  @ApiProperty({ description: 'Stream where a chat does not say and its Accept header allows text/event-stream' })
  streaming!: boolean;
}

export function toPreferences({ defaultModel, temperature, streaming }: PreferencesBody): Preferences {
  return { defaultModel: defaultModel ?? null, temperature: temperature ?? null, streaming: streaming ?? false };
}
