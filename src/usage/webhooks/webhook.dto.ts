import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMinSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsOptional, IsUrl, MaxLength } from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { etagOf } from '../../common/http/etag.js';
import { PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { WEBHOOK_EVENTS, WEBHOOK_STATES, type WebhookDelivery, type WebhookEndpoint } from './webhook.entity.js';

const URL_LENGTH_MAX = 1_000;

export class UpdateEndpointRequest extends ReasonRequest {
  @ApiPropertyOptional({ enum: WEBHOOK_EVENTS, isArray: true })
  @IfSent()
  @IsArray()
  @ArrayUnique()
  @ArrayMinSize(1)
  @IsIn(WEBHOOK_EVENTS, { each: true, message: `each value must be one of ${WEBHOOK_EVENTS.join(', ')}` })
  events?: string[];

  @ApiPropertyOptional()
  @IfSent()
  @IsBoolean()
  isActive?: boolean;
}

export class CreateEndpointRequest extends UpdateEndpointRequest {
  @ApiProperty({ example: 'https://hooks.example.com/tollgate', maxLength: URL_LENGTH_MAX })
  @MaxLength(URL_LENGTH_MAX)
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false, disallow_auth: true })
  url!: string;
}

export class DeliveriesQuery extends PageQuery {
  @ApiPropertyOptional({ enum: WEBHOOK_STATES })
  @IsOptional()
  @IsIn(WEBHOOK_STATES)
  state?: (typeof WEBHOOK_STATES)[number];
}

export class EndpointView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() url!: string;
  @ApiProperty({ enum: WEBHOOK_EVENTS, isArray: true }) events!: string[];
  @ApiProperty() isActive!: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class NewEndpointView extends EndpointView {
  @ApiProperty({ example: 'whsec_…', description: 'Signs every delivery, as Standard Webhooks does. Shown this once' })
  secret!: string;
}

export class EndpointsPage {
  @ApiProperty({ type: [EndpointView] }) data!: EndpointView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class DeliveryView {
  @ApiProperty({ format: 'uuid', description: 'The header webhook-id of every attempt' }) id!: string;
  @ApiProperty() event!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) payload!: Record<string, unknown>;
  @ApiProperty({ enum: WEBHOOK_STATES }) state!: string;
  @ApiProperty() attempts!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) nextAttemptAt!: string | null;
  @ApiProperty({ type: Number, nullable: true }) responseStatus!: number | null;
  @ApiProperty({ type: String, nullable: true }) lastError!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class DeliveriesPage {
  @ApiProperty({ type: [DeliveryView] }) data!: DeliveryView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

/** An endpoint as operators see it: everything but its secret. */
export function toEndpointView(endpoint: WebhookEndpoint): EndpointView {
  const { id, url, events, isActive, createdAt, updatedAt } = endpoint;
  return { id, url, events, isActive, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

export function toDeliveryView(delivery: WebhookDelivery): DeliveryView {
  const { id, event, payload, state, attempts, nextAttemptAt, responseStatus, lastError, createdAt } = delivery;
  return {
    id,
    event,
    payload: payload as Record<string, unknown>,
    state,
    attempts,
    nextAttemptAt: state === 'pending' ? nextAttemptAt.toISOString() : null,
    responseStatus: responseStatus ?? null,
    lastError: lastError ?? null,
    createdAt: createdAt.toISOString(),
  };
}

export function etagOfEndpoint(endpoint: WebhookEndpoint): string {
  return etagOf(toEndpointView(endpoint));
}
