import { Body, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { decodeCursor, encodeCursor, PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { isUuid } from '../../common/ids.js';
import { ClientRegistry, etagOfClient } from '../oauth/client-registry.service.js';
import type { OAuthClient } from '../oauth/oauth-client.entity.js';
import {
  ClientsPage,
  ClientView,
  CreateClientRequest,
  IssuedClientView,
  toClientPatch,
  toClientView,
  toIssuedClientView,
  toNewClient,
  UpdateClientRequest,
} from './oauth-clients.admin.dto.js';

const IF_MATCH = { name: 'If-Match', required: true, description: 'The ETag of the client as it was read' } as const;

@AdminController('admin/oauth-clients', 'admin')
export class OAuthClientsAdminController {
  constructor(private readonly clients: ClientRegistry) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every app and program that may get tokens, newest first' })
  @ApiResponse({ status: 200, type: ClientsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { limit, cursor }: PageQuery): Promise<ClientsPage> {
    const { clients, next } = await this.clients.page(limit, decodeCursor(cursor, isUuid));
    return { data: clients.map(toClientView), nextCursor: encodeCursor(next) };
  }

  @Get(':clientId')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One client, without its secret; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: ClientView })
  @ApiResponse({ status: 404, description: 'client_not_found' })
  async read(
    @Param('clientId') clientId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientView> {
    return toClientView(tagged(await this.clients.read(clientId), reply));
  }

  @Post()
  @ApiOperation({ summary: 'Registers a client; a secret is shown in this answer and never again' })
  @ApiResponse({ status: 201, type: IssuedClientView })
  @ApiResponse({ status: 400, description: 'invalid_request: every field that breaks a rule' })
  @ApiResponse({ status: 409, description: 'client_exists' })
  async create(
    @Body() body: CreateClientRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IssuedClientView> {
    const issued = await this.clients.register(toNewClient(body), { ...operator, reason: body.reason });
    tagged(issued.client, reply);
    return toIssuedClientView(issued);
  }

  @Patch(':clientId')
  @ApiOperation({ summary: 'Changes a client, or switches it off, which ends every sign-in made with it' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: ClientView })
  @ApiResponse({ status: 400, description: 'invalid_request: every field that breaks a rule' })
  @ApiResponse({ status: 404, description: 'client_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('clientId') clientId: string,
    @Body() body: UpdateClientRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientView> {
    const cause = { ...operator, reason: body.reason };
    return toClientView(tagged(await this.clients.update(clientId, toClientPatch(body), cause), reply));
  }

  @Post(':clientId/rotate-secret')
  @HttpCode(200)
  @ApiOperation({ summary: 'A new secret, shown in this answer and never again; the old one is refused at once' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: IssuedClientView })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'client_not_found' })
  @ApiResponse({ status: 409, description: 'client_has_no_secret' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async rotateSecret(
    @Param('clientId') clientId: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IssuedClientView> {
    const issued = await this.clients.rotateSecret(clientId, { ...operator, reason });
    tagged(issued.client, reply);
    return toIssuedClientView(issued);
  }
}

function tagged(client: OAuthClient, reply: FastifyReply): OAuthClient {
  void reply.header('etag', etagOfClient(client));
  return client;
}
