import { Body, Controller, Get, Header, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../../common/errors/app-error.js';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { InteractionExpiredError } from '../auth.errors.js';
import type { Texts } from '../texts/english.js';
import { textsIn } from '../texts/languages.js';
import { ConsentForm, parseForm, RegistrationForm, SignInForm } from './interaction-forms.js';
import { ACCOUNT_CLIENT_ID } from './consent.service.js';
import { InteractionService } from './interaction.service.js';
import type { HttpExchange, Interaction } from './interactions.js';
import { answerWithPage, sendOn, sendPage } from './page-answer.js';
import { textsFor } from './page-language.js';
import { SCRIPT, STYLESHEET } from './pages/assets.js';
import { type Attempt, typedFields } from './pages/form-parts.js';
import { consentPage, failurePage, registerPage, signInPage } from './pages/interaction-pages.js';
import { assertSameOrigin } from './same-origin.js';

const ASSET_CACHE = 'public, max-age=31536000, immutable';

type FormName = 'login' | 'register' | 'consent';

/** The pages of the sign-in. Each form also works without JavaScript. */
@ApiExcludeController()
@Public()
@Controller('interaction')
export class InteractionController {
  constructor(
    private readonly config: Config,
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
    const exchange = { uid, request, reply };
    const work = async () => {
      const interaction = await this.interactions.find(exchange);
      const texts = textsIn(interaction.language);
      if (isForOwnPages(interaction))
        return sendOn(request, reply, await this.interactions.consent(exchange, { decision: 'allow' }));
      if (interaction.step === 'login')
        return sendPage(reply, signInPage(texts, interaction, {}, registered !== undefined));
      return sendPage(reply, consentPage(texts, interaction, await this.interactions.consentView(interaction)));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(textsFor(request), error));
  }

  @Get(':uid/register')
  registerPage(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.show(exchange, async () => {
      const interaction = await this.interactions.find(exchange);
      return registerPage(textsIn(interaction.language), interaction);
    });
  }

  /** Signs in another person in the middle of a consent. */
  @Get(':uid/switch')
  switchPage(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.show(exchange, async () => {
      const interaction = await this.interactions.find(exchange);
      return signInPage(textsIn(interaction.language), interaction);
    });
  }

  @Post(':uid/login')
  @HttpCode(200)
  login(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, 'login', () =>
      this.interactions.signIn(exchange, parseForm(SignInForm, body, textsFor(request))),
    );
  }

  @Post(':uid/register')
  @HttpCode(200)
  register(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, 'register', () =>
      this.interactions.register(exchange, parseForm(RegistrationForm, body, textsFor(request))),
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
    const exchange = { uid, request, reply };
    return this.submit(exchange, 'consent', () =>
      this.interactions.consent(exchange, parseForm(ConsentForm, body, textsFor(request))),
    );
  }

  @Post(':uid/cancel')
  @HttpCode(200)
  cancel(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const exchange = { uid, request, reply };
    return this.submit(exchange, 'login', () => this.interactions.cancel(exchange));
  }

  private show({ request, reply }: HttpExchange, render: () => Promise<string>): Promise<FastifyReply> {
    const work = async () => sendPage(reply, await render());
    return answerWithPage(request, reply, work, (error) => failurePage(textsFor(request), error));
  }

  private submit(exchange: HttpExchange, form: FormName, work: () => Promise<string>): Promise<FastifyReply> {
    const { request, reply } = exchange;
    return answerWithPage(
      request,
      reply,
      async () => {
        assertSameOrigin(request, this.config.publicUrl);
        return sendOn(request, reply, await work());
      },
      (error) =>
        this.formAgain(exchange, form, error).catch((reason: unknown) => expiryPage(textsFor(request), reason)),
    );
  }

  /** The page that the form was on, with what was typed, except the password, and what was wrong. */
  private async formAgain(exchange: HttpExchange, form: FormName, error: AppError): Promise<string> {
    if (error instanceof InteractionExpiredError || error.status === 403) {
      return failurePage(textsFor(exchange.request), error);
    }
    const interaction = await this.interactions.find(exchange);
    const texts = textsIn(interaction.language);
    const attempt: Attempt = { error, ...typedFields(exchange.request.body) };
    switch (form) {
      case 'login':
        return signInPage(texts, interaction, attempt);
      case 'register':
        return registerPage(texts, interaction, attempt);
      case 'consent':
        return consentPage(texts, interaction, await this.interactions.consentView(interaction), error);
    }
  }
}

/** Our own pages are no app that somebody would have to be asked about. */
function isForOwnPages({ step, clientId }: Interaction): boolean {
  return step === 'consent' && clientId === ACCOUNT_CLIENT_ID;
}

/** A form whose sign-in has expired cannot be shown again; then that is said instead. */
function expiryPage(texts: Texts, reason: unknown): string {
  if (reason instanceof InteractionExpiredError) return failurePage(texts, reason);
  throw reason;
}
