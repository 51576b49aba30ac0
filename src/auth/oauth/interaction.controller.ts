import { Body, Controller, Get, Header, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { textsIn } from '../texts/languages.js';
import { ConsentForm, parseForm, RegistrationForm, SignInForm } from './interaction-forms.js';
import { ACCOUNT_CLIENT_ID } from './consent.service.js';
import { InteractionService } from './interaction.service.js';
import { type InteractionVisit, InteractionVisits } from './interaction-visits.js';
import type { Interaction } from './interactions.js';
import { sendOn, sendPage } from './page-answer.js';
import { SCRIPT, STYLESHEET } from './pages/assets.js';
import { typedFields } from './pages/form-parts.js';
import { consentPage, registerPage, signInPage } from './pages/interaction-pages.js';

const ASSET_CACHE = 'public, max-age=31536000, immutable';

/** The pages of the sign-in. Each form also works without JavaScript. */
@ApiExcludeController()
@Public()
@Controller('interaction')
export class InteractionController {
  constructor(
    private readonly visits: InteractionVisits,
    private readonly interactions: InteractionService,
  ) {}

  @Get('assets/pages.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', ASSET_CACHE)
  stylesheet(): string {
    return STYLESHEET;
  }

  @Get('assets/pages.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', ASSET_CACHE)
  script(): string {
    return SCRIPT;
  }

  @Get(':uid')
  page(
    @Param('uid') uid: string,
    @Query('registered') registered: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = { uid, request, reply };
    return this.visits.receive(visit, async () => {
      const interaction = await this.interactions.find(visit);
      const texts = textsIn(interaction.language);
      if (isForOwnPages(interaction))
        return sendOn(request, reply, await this.interactions.consent(visit, { decision: 'allow' }));
      if (interaction.step === 'login')
        return sendPage(reply, signInPage(texts, interaction, {}, registered !== undefined));
      return sendPage(reply, consentPage(texts, interaction, await this.interactions.consentView(interaction)));
    });
  }

  @Get(':uid/register')
  registerPage(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.show({ uid, request, reply }, (interaction, texts) => registerPage(texts, interaction));
  }

  /** Signs in another person in the middle of a consent. */
  @Get(':uid/switch')
  switchPage(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.show({ uid, request, reply }, (interaction, texts) => signInPage(texts, interaction));
  }

  @Post(':uid/login')
  @HttpCode(200)
  login(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const pageOf = formAgain(signInPage, body);
    const visit = { uid, request, reply, pageOf };
    return this.visits.submit(visit, (texts) => this.interactions.signIn(visit, parseForm(SignInForm, body, texts)));
  }

  @Post(':uid/register')
  @HttpCode(200)
  register(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const pageOf = formAgain(registerPage, body);
    const visit = { uid, request, reply, pageOf };
    return this.visits.submit(visit, (texts) =>
      this.interactions.register(visit, parseForm(RegistrationForm, body, texts)),
    );
  }

  @Post(':uid/consent')
  @HttpCode(200)
  consent(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const pageOf: InteractionVisit['pageOf'] = async (interaction, texts, error) =>
      consentPage(texts, interaction, await this.interactions.consentView(interaction), error);
    const visit = { uid, request, reply, pageOf };
    return this.visits.submit(visit, (texts) => this.interactions.consent(visit, parseForm(ConsentForm, body, texts)));
  }

  @Post(':uid/cancel')
  @HttpCode(200)
  cancel(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = { uid, request, reply };
    return this.visits.submit(visit, () => this.interactions.cancel(visit));
  }
}

/** The form with what was typed, except the password, and what was wrong. */
function formAgain(page: typeof registerPage, body: unknown): NonNullable<InteractionVisit['pageOf']> {
  return (interaction, texts, error) => page(texts, interaction, { error, ...typedFields(body) });
}

/** Our own pages are no app that somebody would have to be asked about. */
function isForOwnPages({ step, clientId }: Interaction): boolean {
  return step === 'consent' && clientId === ACCOUNT_CLIENT_ID;
}
