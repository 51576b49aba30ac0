import { Body, Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { textsIn } from '../texts/languages.js';
import { FactorStep } from './factor-step.service.js';
import { CodeForm, parseForm, PasskeyForm } from './interaction-forms.js';
import { type HttpExchange, Interactions } from './interactions.js';
import { answerWithPage, sendOn, sendPage } from './page-answer.js';
import { textsFor } from './page-language.js';
import { factorPage } from './pages/factor-pages.js';
import type { Attempt } from './pages/form-parts.js';
import { failurePage } from './pages/interaction-pages.js';
import { assertSameOrigin } from './same-origin.js';

/** The second step of a sign-in, and passkeys. A passkey needs the page's script; a code does not. */
@ApiExcludeController()
@Public()
@Controller('interaction')
export class FactorStepController {
  constructor(
    private readonly config: Config,
    private readonly interactions: Interactions,
    private readonly step: FactorStep,
  ) {}

  @Get(':uid/mfa')
  page(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return answerWithPage(
      request,
      reply,
      async () => sendPage(reply, await this.factorPage(exchange)),
      (error) => failurePage(textsFor(request), error),
    );
  }

  @Post(':uid/mfa')
  @HttpCode(200)
  code(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, async () =>
      sendOn(request, reply, await this.step.takeCode(exchange, parseForm(CodeForm, body, textsFor(request)).code)),
    );
  }

  @Post(':uid/passkey/options')
  @HttpCode(200)
  options(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, async () =>
      reply.header('cache-control', 'no-store').send(await this.step.passkeyOptions(exchange)),
    );
  }

  @Post(':uid/passkey')
  @HttpCode(200)
  passkey(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, async () => {
      const { response } = parseForm(PasskeyForm, body, textsFor(request));
      return sendOn(request, reply, await this.step.takePasskey(exchange, response));
    });
  }

  private submit(exchange: HttpExchange, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
    const { request, reply } = exchange;
    return answerWithPage(
      request,
      reply,
      () => {
        assertSameOrigin(request, this.config.publicUrl);
        return work();
      },
      (error) => this.factorPage(exchange, { error }).catch(() => failurePage(textsFor(request), error)),
    );
  }

  private async factorPage(exchange: HttpExchange, attempt: Attempt = {}): Promise<string> {
    const interaction = await this.interactions.find(exchange);
    return factorPage(textsIn(interaction.language), interaction, await this.step.view(interaction), attempt);
  }
}
