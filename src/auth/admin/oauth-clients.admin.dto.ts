import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  MaxLength,
} from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { SCOPES, type Scope } from '../../common/http/route-markers.js';
import {
  CLIENT_AUTH_METHODS,
  CLIENT_KINDS,
  type ClientAuthMethod,
  type ClientKind,
  kindOf,
} from '../oauth/client-kinds.js';
import type { ClientPatch, IssuedClient, NewClient } from '../oauth/client-registry.service.js';
import type { OAuthClient } from '../oauth/oauth-client.entity.js';

/** Clients are written in configuration files: letters that survive there. */
const CLIENT_ID_PATTERN = /^[a-z0-9][a-z0-9._-]{2,62}$/;
const NAME_LENGTH_MAX = 100;
const URIS_MAX = 20;
const URI_LENGTH_MAX = 500;

/** The rules of a field are the same for a new client and for a change. The first rule named is the first checked. */
const IsClientName = (): PropertyDecorator =>
  applyDecorators(
    IsString(),
    Length(1, NAME_LENGTH_MAX),
    Matches(/^\P{Cc}*$/u, { message: 'clientName cannot have control characters' }),
  );

const AreUris = (): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ArrayMaxSize(URIS_MAX),
    IsString({ each: true }),
    MaxLength(URI_LENGTH_MAX, { each: true }),
  );

const AreScopes = (): PropertyDecorator => applyDecorators(IsArray(), ArrayUnique(), IsIn(SCOPES, { each: true }));

export class CreateClientRequest extends ReasonRequest {
  @ApiProperty({ example: 'acme-desktop', pattern: CLIENT_ID_PATTERN.source })
  @Matches(CLIENT_ID_PATTERN, {
    message: 'clientId must be 3 to 63 lower-case letters, digits, dots, dashes, underscores',
  })
  @IsString()
  clientId!: string;

  @ApiProperty({ example: 'Acme Desktop', description: 'What people read on the consent page' })
  @IsClientName()
  clientName!: string;

  @ApiProperty({
    enum: CLIENT_KINDS,
    description:
      'native: an app on a machine. web: a server that signs people in. device: a program without a browser. service: a program without a person, charged to its owner. resource-server: another API that asks about tokens',
  })
  @IsIn(CLIENT_KINDS)
  kind!: ClientKind;

  @ApiPropertyOptional({
    type: [String],
    example: ['http://127.0.0.1/callback'],
    description: 'native and web only. A loopback address without a port means any port',
  })
  @IfSent()
  @AreUris()
  redirectUris: string[] = [];

  @ApiPropertyOptional({ type: [String] })
  @IfSent()
  @AreUris()
  postLogoutRedirectUris: string[] = [];

  @ApiPropertyOptional({ enum: SCOPES, isArray: true, description: 'The most that its tokens may have' })
  @IfSent()
  @AreScopes()
  scopes: Scope[] = [];

  @ApiPropertyOptional({ type: String, format: 'uuid', nullable: true, description: 'service only: who pays' })
  @IsOptional()
  @IsUUID()
  ownerUserId: string | null = null;

  @ApiPropertyOptional({
    default: true,
    description: 'Whether it gets tokens for this API without asking for the resource',
  })
  @IfSent()
  @IsBoolean()
  firstParty: boolean = true;

  @ApiPropertyOptional({
    enum: CLIENT_AUTH_METHODS,
    default: 'client_secret_basic',
    description: 'Where it has a secret',
  })
  @IfSent()
  @IsIn(CLIENT_AUTH_METHODS)
  tokenEndpointAuthMethod: ClientAuthMethod = 'client_secret_basic';
}

export class UpdateClientRequest extends ReasonRequest {
  @ApiPropertyOptional()
  @IfSent()
  @IsClientName()
  clientName?: string;

  @ApiPropertyOptional({ type: [String] })
  @IfSent()
  @AreUris()
  redirectUris?: string[];

  @ApiPropertyOptional({ type: [String] })
  @IfSent()
  @AreUris()
  postLogoutRedirectUris?: string[];

  @ApiPropertyOptional({ enum: SCOPES, isArray: true })
  @IfSent()
  @AreScopes()
  scopes?: Scope[];

  @ApiPropertyOptional({ description: 'false ends every sign-in that was made with it' })
  @IfSent()
  @IsBoolean()
  isActive?: boolean;
}

export class ClientView {
  @ApiProperty()
  clientId!: string;

  @ApiProperty()
  clientName!: string;

  @ApiProperty({ enum: CLIENT_KINDS })
  kind!: ClientKind;

  @ApiProperty({ description: 'Whether it has a secret; nobody can read it' })
  hasSecret!: boolean;

  @ApiProperty({ type: [String] })
  redirectUris!: string[];

  @ApiProperty({ type: [String] })
  postLogoutRedirectUris!: string[];

  @ApiProperty({ type: [String] })
  scopes!: string[];

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  ownerUserId!: string | null;

  @ApiProperty()
  firstParty!: boolean;

  @ApiProperty()
  isActive!: boolean;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;
}

export class IssuedClientView extends ClientView {
  @ApiProperty({ type: String, nullable: true, description: 'Shown this once; null for a client that has none' })
  clientSecret!: string | null;
}

export class ClientsPage {
  @ApiProperty({ type: [ClientView], description: 'Newest first' })
  data!: ClientView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function toNewClient(body: CreateClientRequest): NewClient {
  const { clientId, clientName, kind, redirectUris, postLogoutRedirectUris, scopes, ownerUserId } = body;
  const terms = { kind, redirectUris, scopes, ownerUserId };
  const isFirstParty = body.firstParty;
  return {
    clientId,
    clientName,
    ...terms,
    postLogoutRedirectUris,
    isFirstParty,
    authMethod: body.tokenEndpointAuthMethod,
  };
}

export function toClientPatch(body: UpdateClientRequest): ClientPatch {
  const { clientName, redirectUris, postLogoutRedirectUris, scopes, isActive } = body;
  return { clientName, redirectUris, postLogoutRedirectUris, scopes, isActive };
}

export function toClientView(client: OAuthClient): ClientView {
  return {
    clientId: client.clientId,
    clientName: client.clientName,
    kind: kindOf(client),
    hasSecret: client.secretHash !== null && client.secretHash !== undefined,
    redirectUris: client.redirectUris,
    postLogoutRedirectUris: (client.metadata['post_logout_redirect_uris'] as string[] | undefined) ?? [],
    scopes: client.scopes,
    ownerUserId: client.ownerUserId ?? null,
    firstParty: client.metadata['first_party'] === true,
    isActive: client.isActive,
    createdAt: client.createdAt.toISOString(),
    updatedAt: client.updatedAt.toISOString(),
  };
}

export function toIssuedClientView({ client, secret }: IssuedClient): IssuedClientView {
  return Object.assign(toClientView(client), { clientSecret: secret });
}
