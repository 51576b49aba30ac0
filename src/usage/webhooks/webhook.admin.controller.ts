import { EntityManager } from '@mikro-orm/postgresql';
import { Body, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { WallClock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import { Roles } from '../../common/http/route-markers.js';
import { WebhookDeliveries } from './webhook-delivery.service.js';
import {
  CreateEndpointRequest,
  DeliveriesPage,
  DeliveriesQuery,
  EndpointsPage,
  EndpointView,
  etagOfEndpoint,
  NewEndpointView,
  toDeliveryView,
  toEndpointView,
  UpdateEndpointRequest,
} from './webhook.dto.js';
import { WebhookService } from './webhook.service.js';

@AdminController('admin/webhook-endpoints', 'admin')
export class WebhookAdminController {
  constructor(
    private readonly webhooks: WebhookService,
    private readonly sendings: WebhookDeliveries,
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The addresses that are told of events, newest first' })
  @ApiResponse({ status: 200, type: EndpointsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: PageQuery): Promise<EndpointsPage> {
    const { rows, next } = await this.webhooks.page(query);
    return { data: rows.map(toEndpointView), nextCursor: encodeCursor(next) };
  }

  @Post()
  @ApiOperation({
    summary: 'Adds an address; the answer shows once the secret that signs what is sent there',
    description: 'It must be on the public internet and https, unless its host is in WEBHOOK_PRIVATE_HOSTS.',
  })
  @ApiResponse({ status: 201, type: NewEndpointView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule, or the address is private' })
  async create(
    @Body() body: CreateEndpointRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NewEndpointView> {
    const cause = { ...operator, reason: body.reason };
    const { endpoint, secret } = await this.webhooks.create(body, cause, this.clock.now());
    void reply.header('etag', etagOfEndpoint(endpoint));
    return Object.assign(toEndpointView(endpoint), { secret });
  }

  @Get(':id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One address, without its secret; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: EndpointView })
  @ApiResponse({ status: 404, description: 'webhook_endpoint_not_found' })
  async read(@Param('id', IdPipe) id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<EndpointView> {
    const endpoint = await this.webhooks.read(id);
    void reply.header('etag', etagOfEndpoint(endpoint));
    return toEndpointView(endpoint);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Changes what an address is told of, or whether it is told at all' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the address as it was read' })
  @ApiResponse({ status: 200, type: EndpointView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'webhook_endpoint_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('id', IdPipe) id: string,
    @Body() body: UpdateEndpointRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EndpointView> {
    const cause = { ...operator, reason: body.reason };
    const endpoint = await this.webhooks.update(id, body, cause, this.clock.now());
    void reply.header('etag', etagOfEndpoint(endpoint));
    return toEndpointView(endpoint);
  }

  @Post(':id/test')
  @HttpCode(202)
  @ApiOperation({ summary: 'Sends the event webhook.test to an address, within seconds' })
  @ApiResponse({ status: 202, description: 'It will be sent' })
  @ApiResponse({ status: 404, description: 'webhook_endpoint_not_found' })
  async test(@Param('id', IdPipe) id: string): Promise<void> {
    await this.webhooks.read(id);
    await this.sendings.addFor(this.em.fork(), id, { event: 'webhook.test', events: [{}] });
  }

  @Get(':id/deliveries')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'What was sent to an address and what became of it, newest first' })
  @ApiResponse({ status: 200, type: DeliveriesPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'webhook_endpoint_not_found' })
  async deliveries(@Param('id', IdPipe) id: string, @Query() query: DeliveriesQuery): Promise<DeliveriesPage> {
    const { rows, next } = await this.webhooks.deliveries(id, query);
    return { data: rows.map(toDeliveryView), nextCursor: encodeCursor(next) };
  }
}
