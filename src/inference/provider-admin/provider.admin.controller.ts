import { Body, Get, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { WallClock } from '../../common/clock.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { Roles } from '../../common/http/route-markers.js';
import {
  CreateCredentialRequest,
  CredentialView,
  etagOfCredential,
  ProviderListView,
  ReachabilityView,
  RotateCredentialRequest,
  toCredentialView,
  UpdateCredentialRequest,
} from './provider-credential.dto.js';
import type { ProviderCredential } from './provider-credential.entity.js';
import { ProviderCredentialService } from './provider-credential.service.js';
import { ProviderOverview } from './provider-overview.service.js';

const IF_MATCH = {
  name: 'If-Match',
  required: true,
  description: 'The ETag of the credential as it was read',
} as const;

@AdminController('admin/providers', 'admin')
export class ProviderAdminController {
  constructor(
    private readonly credentials: ProviderCredentialService,
    private readonly overview: ProviderOverview,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every provider: which account is used, its models, and whether it was reached' })
  @ApiResponse({ status: 200, type: ProviderListView })
  async list(): Promise<ProviderListView> {
    return { data: await this.overview.list() };
  }

  @Post(':provider/test')
  @HttpCode(200)
  @ApiOperation({ summary: 'Asks a provider for its models with the account in use. It charges nothing' })
  @ApiParam({ name: 'provider', example: 'openai' })
  @ApiResponse({ status: 200, type: ReachabilityView })
  @ApiResponse({ status: 404, description: 'provider_not_configured: no account for this provider' })
  test(@Param('provider') provider: string): Promise<ReachabilityView> {
    return this.overview.test(provider, this.clock.now());
  }

  @Post('credentials')
  @ApiOperation({ summary: 'Adds an account. Every replica uses it within moments, before one of the environment' })
  @ApiResponse({ status: 201, type: CredentialView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 409, description: 'provider_credential_exists: the provider has one of this name' })
  async create(
    @Body() { reason, provider, name, apiKey, baseUrl }: CreateCredentialRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CredentialView> {
    const asked = { provider, name, apiKey: apiKey ?? null, baseUrl: baseUrl ?? null };
    return answer(await this.credentials.create(asked, { ...operator, reason }, this.clock.now()), reply);
  }

  @Get('credentials/:id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One account, without its key; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: CredentialView })
  @ApiResponse({ status: 404, description: 'provider_credential_not_found' })
  async read(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CredentialView> {
    return answer(await this.credentials.read(id), reply);
  }

  @Patch('credentials/:id')
  @ApiOperation({ summary: 'Deactivates an account, or takes it into use again' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: CredentialView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'provider_credential_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('id', IdPipe) id: string,
    @Body() { isActive, reason }: UpdateCredentialRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CredentialView> {
    const changed = await this.credentials.setActive(id, isActive, { ...operator, reason }, this.clock.now());
    return answer(changed, reply);
  }

  @Post('credentials/:id/rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Puts a new key in the place of the old one, without a request failing in between' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: CredentialView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'provider_credential_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async rotate(
    @Param('id', IdPipe) id: string,
    @Body() { apiKey, reason }: RotateCredentialRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CredentialView> {
    return answer(await this.credentials.rotate(id, apiKey, { ...operator, reason }, this.clock.now()), reply);
  }
}

function answer(credential: ProviderCredential, reply: FastifyReply): CredentialView {
  void reply.header('etag', etagOfCredential(credential));
  return toCredentialView(credential);
}
