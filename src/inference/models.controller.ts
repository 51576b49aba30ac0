import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { isNoneMatch } from '../common/http/etag.js';
import { Scopes } from '../common/http/route-markers.js';
import { lifecycleHeaders } from '../models/domain/lifecycle-headers.js';
import { ModelDto, ModelListDto, ModelQueryDto } from '../models/models.dto.js';
import { ApiInferenceErrors } from './chat.openapi.js';
import { ModelListService } from './model-list.service.js';

@ApiTags('Models')
@ApiBearerAuth()
@Controller('v1/models')
@Scopes('models.read')
export class ModelsController {
  constructor(private readonly models: ModelListService) {}

  @Get()
  @ApiOperation({
    summary: 'List the models',
    description:
      "OpenAI's list, with capabilities, limits, price, the parameters that each model takes, and whether it can be called now and with your plan.",
  })
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'The ETag of the list that the client has' })
  @ApiOkResponse({ type: ModelListDto, description: 'With an ETag; it differs by plan, and changes when a model does' })
  @ApiResponse({ status: 304, description: 'The list is the one that the client has' })
  @ApiInferenceErrors({ 400: 'invalid_request' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: ModelQueryDto,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ModelListDto | undefined> {
    const { list, etag } = await this.models.list(principal.userId, query);
    void reply.headers({ etag, 'cache-control': 'private, no-cache', vary: 'authorization' });
    if (!isNoneMatch(ifNoneMatch, etag)) return list;
    void reply.status(304);
    return undefined;
  }

  @Get(':id')
  @ApiOperation({
    summary: 'Read one model, by id or alias',
    description: 'A legacy model is answered with Deprecation, Sunset and a Link to its successor.',
  })
  @ApiOkResponse({ type: ModelDto })
  @ApiInferenceErrors({ 404: 'model_not_found' })
  async read(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ModelDto> {
    const { model, view } = await this.models.read(principal.userId, id);
    void reply.headers(lifecycleHeaders(model));
    return view;
  }
}
