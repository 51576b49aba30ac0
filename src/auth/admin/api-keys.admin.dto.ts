import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsUUID, Matches } from 'class-validator';
import { PageQuery } from '../../common/http/paging.js';
import type { ApiKey } from '../access/api-key.entity.js';
import { ApiKeyView, toApiKeyView } from '../account/api-keys.dto.js';

export class ApiKeysQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ example: 'tg_x7Kp2Q', description: 'How a key begins that turned up somewhere' })
  @IsOptional()
  @Matches(/^tg_\w{6}$/, { message: 'prefix must be the first nine characters of a key' })
  prefix?: string;
}

/** A key as operators see it: whose it is, and whether it still works. */
export class AdminApiKeyView extends ApiKeyView {
  @ApiProperty({ format: 'uuid' })
  userId!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revokedAt!: string | null;
}

export class AdminApiKeysPage {
  @ApiProperty({ type: [AdminApiKeyView] })
  data!: AdminApiKeyView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function toAdminApiKeyView(key: ApiKey): AdminApiKeyView {
  const { userId, revokedAt } = key;
  return Object.assign(toApiKeyView(key), { userId, revokedAt: revokedAt?.toISOString() ?? null });
}
