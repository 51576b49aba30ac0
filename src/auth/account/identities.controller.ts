import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IdPipe } from '../../common/http/id-pipe.js';
import { Public } from '../../common/http/route-markers.js';
import { UpstreamAccounts } from '../identity/upstream/upstream-accounts.service.js';
import { sendOn } from '../oauth/page-answer.js';
import { UpstreamVisits } from '../oauth/upstream-visits.js';
import { AccountOverview } from './account-overview.js';
import { AccountVisits, type Visit } from './account-visits.js';

const OVERVIEW = '/account';
const CALLBACK = '/account/identities';

/** The accounts elsewhere that open this one. To add or remove one wants a fresh sign-in. */
@ApiExcludeController()
@Public()
@Controller('account/identities')
export class IdentitiesController {
  constructor(
    private readonly visits: AccountVisits,
    private readonly upstream: UpstreamVisits,
    private readonly accounts: UpstreamAccounts,
    private readonly overview: AccountOverview,
  ) {}

  @Post(':name')
  @HttpCode(200)
  begin(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.receive(this.sensitive(request, reply), async () =>
      sendOn(request, reply, await this.upstream.begin(reply, name, { returnTo: CALLBACK, isFreshWanted: false })),
    );
  }

  /** What came back goes to whoever began it: the cookie of that browser, and a sign-in as fresh as the first step wanted. */
  @Get()
  finish(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive(this.sensitive(request, reply), async (visitor) => {
      await this.accounts.link(visitor, await this.upstream.finish(request, reply));
      return sendOn(request, reply, OVERVIEW);
    });
  }

  @Post(':id/remove')
  @HttpCode(200)
  remove(
    @Param('id', new IdPipe()) id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.receive(this.sensitive(request, reply), async (visitor) => {
      await this.accounts.unlink(visitor, id);
      return sendOn(request, reply, OVERVIEW);
    });
  }

  private sensitive(request: FastifyRequest, reply: FastifyReply): Visit {
    const pageOf: Visit['pageOf'] = (visitor, error) => this.overview.page(visitor, { error });
    return { request, reply, returnTo: OVERVIEW, isSensitive: true, pageOf };
  }
}
