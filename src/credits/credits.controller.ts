import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { encodeCursor } from '../common/http/paging.js';
import { Scopes } from '../common/http/route-markers.js';
import { PostingPage } from './account.dto.js';
import { historyFilterOf, HistoryQuery } from './account.query.js';
import { AccountRecords } from './account-records.service.js';
import { CreditsView, toCreditsView } from './credits.dto.js';
import { CreditsService } from './credits.service.js';
import { toPostingView } from './posting.dto.js';

@ApiTags('me')
@ApiBearerAuth()
@Scopes('credits.read')
@Controller('v1/me/credits')
export class CreditsController {
  constructor(
    private readonly credits: CreditsService,
    private readonly records: AccountRecords,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Balance, grants in the order they are used, and when the credits will end' })
  @ApiResponse({ status: 200, type: CreditsView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope credits.read' })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<CreditsView> {
    return toCreditsView(await this.credits.balance(userId, this.clock.now()));
  }

  @Get('history')
  @ApiOperation({ summary: 'Every line of your account, newest first' })
  @ApiResponse({ status: 200, type: PostingPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope credits.read' })
  async history(@Query() query: HistoryQuery, @CurrentPrincipal() { userId }: Principal): Promise<PostingPage> {
    const { rows, next } = await this.records.history(userId, historyFilterOf(query));
    return { data: rows.map(toPostingView), nextCursor: encodeCursor(next) };
  }
}
