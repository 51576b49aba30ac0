import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { InteractionService } from './interaction.service.js';
import { type InteractionVisit, InteractionVisits } from './interaction-visits.js';
import { answerWithPage, sendOn } from './page-answer.js';
import { textsFor } from './page-language.js';
import { failurePage, signInPage } from './pages/interaction-pages.js';
import { assertNotCrossSite } from './same-origin.js';
import { UpstreamVisits } from './upstream-visits.js';

/** Signs in at a provider elsewhere in the place of a password. Links, not forms: a page's policy lets no form lead to another site. */
@ApiExcludeController()
@Public()
@Controller()
export class UpstreamStepController {
  constructor(
    private readonly visits: InteractionVisits,
    private readonly interactions: InteractionService,
    private readonly upstream: UpstreamVisits,
  ) {}

  @Get('interaction/:uid/upstream/:name')
  begin(
    @Param('uid') uid: string,
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = visitOf(uid, request, reply);
    return this.visits.submit(visit, () => {
      assertNotCrossSite(request);
      return this.interactions.beginUpstream(visit, name);
    });
  }

  /** Where every provider sends browsers back to; the cookie of the sign-in is only sent to the path below. */
  @Get('upstream/:name/callback')
  callback(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    // oxlint-disable-next-line require-await -- what it throws is a page
    const work = async () => sendOn(request, reply, this.upstream.onward(request, name));
    return answerWithPage(request, reply, work, (error) => failurePage(textsFor(request), error));
  }

  @Get('interaction/:uid/upstream')
  finish(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = visitOf(uid, request, reply);
    return this.visits.submit(visit, () => this.interactions.finishUpstream(visit));
  }
}

function visitOf(uid: string, request: FastifyRequest, reply: FastifyReply): InteractionVisit {
  return { uid, request, reply, pageOf: (interaction, texts, error) => signInPage(texts, interaction, { error }) };
}
