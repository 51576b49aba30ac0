import { Body, Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../../common/errors/app-error.js';
import { Public } from '../../common/http/route-markers.js';
import type { Texts } from '../texts/english.js';
import { FactorStep } from './factor-step.service.js';
import { CodeForm, parseForm, PasskeyForm } from './interaction-forms.js';
import { type InteractionVisit, InteractionVisits } from './interaction-visits.js';
import type { Interaction } from './interactions.js';
import { factorPage } from './pages/factor-pages.js';

/** The second step of a sign-in, and passkeys. A passkey needs the page's script; a code does not. */
@ApiExcludeController()
@Public()
@Controller('interaction')
export class FactorStepController {
  constructor(
    private readonly visits: InteractionVisits,
    private readonly step: FactorStep,
  ) {}

  @Get(':uid/mfa')
  page(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.show({ uid, request, reply }, (interaction, texts) => this.pageOf(interaction, texts));
  }

  @Post(':uid/mfa')
  @HttpCode(200)
  code(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = this.visitOf(uid, request, reply);
    return this.visits.submit(visit, (texts) => this.step.takeCode(visit, parseForm(CodeForm, body, texts).code));
  }

  @Post(':uid/passkey/options')
  @HttpCode(200)
  options(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = this.visitOf(uid, request, reply);
    return this.visits.receive(visit, async () =>
      reply.header('cache-control', 'no-store').send(await this.step.passkeyOptions(visit)),
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
    const visit = this.visitOf(uid, request, reply);
    return this.visits.submit(visit, (texts) =>
      this.step.takePasskey(visit, parseForm(PasskeyForm, body, texts).response),
    );
  }

  private visitOf(uid: string, request: FastifyRequest, reply: FastifyReply): InteractionVisit {
    return { uid, request, reply, pageOf: (interaction, texts, error) => this.pageOf(interaction, texts, error) };
  }

  private async pageOf(interaction: Interaction, texts: Texts, error?: AppError): Promise<string> {
    return factorPage(texts, interaction, await this.step.view(interaction), { error });
  }
}
