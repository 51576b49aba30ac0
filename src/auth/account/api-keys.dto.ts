import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
import { timeOf } from '../../common/domain/times.js';
import { IsTime } from '../../common/http/is-time.js';
import { SCOPES, type Scope } from '../../common/http/route-markers.js';
import type { ApiKey } from '../access/api-key.entity.js';
import { isOidcScope } from '../oauth/scopes-of-client.js';
import { NO_CONTROL_CHARACTERS } from './me.dto.js';
import type { MadeApiKey, WantedApiKey } from './api-keys.service.js';

/** As much as a list shows on one line. */
const NAME_LENGTH_MAX = 100;
/** What a key can be for: no sign-in, so nothing of OpenID Connect, and never the administration. */
const KEY_SCOPES: readonly Scope[] = SCOPES.filter((scope) => scope !== 'admin' && !isOidcScope(scope));

export class ApiKeyBody {
  @ApiProperty({ minLength: 1, maxLength: NAME_LENGTH_MAX, example: 'notebook on my laptop' })
  @Matches(NO_CONTROL_CHARACTERS, { message: 'name must not have line breaks or control characters' })
  @Length(1, NAME_LENGTH_MAX)
  @IsString()
  name!: string;

  @ApiProperty({
    enum: KEY_SCOPES,
    isArray: true,
    example: ['llm.inference'],
    description: 'Those of your own token, or fewer',
  })
  @ArrayUnique()
  @ArrayMaxSize(KEY_SCOPES.length)
  @ArrayMinSize(1)
  @IsIn(KEY_SCOPES, { each: true })
  scopes!: Scope[];

  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true, description: 'Never, where left out' })
  @IsOptional()
  @IsTime()
  expiresAt?: string | null;
}

export class ApiKeyView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  name!: string;

  @ApiProperty({ example: 'tg_x7Kp2Q', description: 'How the key begins' })
  prefix!: string;

  @ApiProperty({ enum: KEY_SCOPES, isArray: true })
  scopes!: string[];

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Up to some seconds late' })
  lastUsedAt!: string | null;
}

export class MadeApiKeyView extends ApiKeyView {
  @ApiProperty({ example: 'tg_x7Kp2Q…', description: 'The key itself, shown this once' })
  key!: string;
}

/** All of them: nobody has more than fit into one answer. */
export class ApiKeyList {
  @ApiProperty({ type: [ApiKeyView] })
  data!: ApiKeyView[];
}

export function toWanted({ name, scopes, expiresAt }: ApiKeyBody): WantedApiKey {
  return { name, scopes, expiresAt: expiresAt ? timeOf(expiresAt) : null };
}

export function toMadeApiKeyView(row: MadeApiKey['row'], key: string): MadeApiKeyView {
  return Object.assign(toApiKeyView(row), { key });
}

export function toApiKeyView(row: MadeApiKey['row'] | ApiKey): ApiKeyView {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
