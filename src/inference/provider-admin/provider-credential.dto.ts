import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, IsUrl, Length, Matches } from 'class-validator';
import { etagOf } from '../../common/http/etag.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import type { ProviderCredential } from './provider-credential.entity.js';

/** Keys of all known providers are shorter; some are JSON documents of a few kilobytes. */
const KEY_LENGTH_MAX = 8_192;
/** What the header of a request can carry. */
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const KEY_RULE = { message: 'must be one line of ASCII characters, without spaces around it: copy the whole key' };
const URL_LENGTH_MAX = 500;
const PROVIDER = /^[a-z][a-z0-9-]{0,99}$/;

export class RotateCredentialRequest extends ReasonRequest {
  @ApiProperty({
    minLength: 1,
    maxLength: KEY_LENGTH_MAX,
    description: 'Sealed, and never shown again',
    writeOnly: true,
  })
  @IsString()
  @Length(1, KEY_LENGTH_MAX)
  @Matches(KEY, KEY_RULE)
  apiKey!: string;
}

export class UpdateCredentialRequest extends ReasonRequest {
  @ApiProperty({ description: 'Whether the account is used; of several the newest is' })
  @IsBoolean()
  isActive!: boolean;
}

export class CreateCredentialRequest extends ReasonRequest {
  @ApiProperty({ example: 'openai', description: 'The name that models have in `provider`' })
  @IsString()
  @Matches(PROVIDER, { message: 'must be a name as models have it: small letters, digits and dashes' })
  provider!: string;

  @ApiProperty({ example: 'production', minLength: 1, maxLength: 100 })
  @IsString()
  @Length(1, 100)
  name!: string;

  @ApiPropertyOptional({ maxLength: KEY_LENGTH_MAX, description: 'Sealed, and never shown again', writeOnly: true })
  @IsOptional()
  @IsString()
  @Length(1, KEY_LENGTH_MAX)
  @Matches(KEY, KEY_RULE)
  apiKey?: string;

  @ApiPropertyOptional({
    example: 'https://llm.example.com/v1',
    description: 'Needed unless the provider is well known',
  })
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false, disallow_auth: true })
  @Length(1, URL_LENGTH_MAX)
  @Matches(/^[^?#]*$/, { message: 'must have no query: paths are added to it' })
  baseUrl?: string;
}

export class CredentialView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() provider!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ type: String, nullable: true }) baseUrl!: string | null;
  @ApiProperty() isActive!: boolean;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) lastVerifiedAt!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class ReachabilityView {
  @ApiProperty({ description: 'Whether the provider took the key' }) isReachable!: boolean;
  @ApiProperty({ type: Number, nullable: true, description: 'The status it answered with, where it answered' })
  status!: number | null;
  @ApiProperty() latencyMs!: number;
  @ApiProperty({ description: 'What to make of it' }) message!: string;
  @ApiProperty({ format: 'date-time' }) checkedAt!: string;
}

export class ProviderView {
  @ApiProperty({ example: 'openai' }) provider!: string;
  @ApiProperty({ enum: ['database', 'environment', 'none'], description: 'Where the account in use comes from' })
  source!: 'database' | 'environment' | 'none';
  @ApiProperty({ type: String, nullable: true }) baseUrl!: string | null;
  @ApiProperty({ description: 'Models of the catalogue that name it' }) modelCount!: number;
  @ApiProperty({ type: ReachabilityView, nullable: true, description: 'The last test that this process made' })
  reachability!: ReachabilityView | null;
  @ApiProperty({ type: [CredentialView] }) credentials!: CredentialView[];
}

export class ProviderListView {
  @ApiProperty({ type: [ProviderView] }) data!: ProviderView[];
}

/** A credential as operators see it: everything but the key. */
export function toCredentialView(credential: ProviderCredential): CredentialView {
  const { id, provider, name, baseUrl, isActive, lastVerifiedAt, createdAt, updatedAt } = credential;
  return {
    id,
    provider,
    name,
    baseUrl: baseUrl ?? null,
    isActive,
    lastVerifiedAt: lastVerifiedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** Changes with every change of an operator, a new key included; not with a test. */
export function etagOfCredential(credential: ProviderCredential): string {
  const { lastVerifiedAt: _tested, ...state } = toCredentialView(credential);
  return etagOf([state, Buffer.from(credential.secretSealed).toString('base64')]);
}
