import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { CHAT_BODY, ApiInferenceErrors } from './chat.openapi.js';
import { EstimateDto } from './estimate.dto.js';
import { EstimateService } from './estimate.service.js';
import { ApiUnsupportedParameters, unsupportedPolicy } from './unsupported-parameters.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/estimates')
@Scopes('llm.inference')
export class EstimatesController {
  constructor(
    private readonly estimates: EstimateService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiUnsupportedParameters()
  @ApiOperation({
    summary: 'Estimate a chat without sending it',
    description:
      'Takes the body of a chat and answers what it would cost at most, whether it would pass, and everything that stands against it. Nobody is called and nothing is charged.',
  })
  @ApiBody(CHAT_BODY)
  @ApiOkResponse({ type: EstimateDto })
  @ApiInferenceErrors({
    400: 'invalid_request',
    413: 'body_too_large',
    415: 'unsupported_media_type',
    503: 'overloaded',
  })
  estimate(
    @Req() request: FastifyRequest,
    @CurrentPrincipal() principal: Principal,
    @Body() body: unknown,
  ): Promise<EstimateDto> {
    const { id: requestId } = request;
    const unsupported = unsupportedPolicy(request);
    return this.estimates.estimate({ body, principal, requestId, startedAt: this.clock.now(), unsupported });
  }
}
