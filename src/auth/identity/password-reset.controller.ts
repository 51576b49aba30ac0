import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { InvalidEmailLinkError } from '../auth.errors.js';
import {
  assertGoodPassword,
  EmailLinkForm,
  ForgotPasswordForm,
  parseForm,
  ResetPasswordForm,
} from '../oauth/interaction-forms.js';
import { answerWithPage, sendOn, sendPage } from '../oauth/page-answer.js';
import { languageOf, textsFor } from '../oauth/page-language.js';
import { donePage, forgotPasswordPage, resetPasswordPage } from '../oauth/pages/email-link-pages.js';
import { typedFields } from '../oauth/pages/form-parts.js';
import { failurePage } from '../oauth/pages/interaction-pages.js';
import { originOf } from '../oauth/request-origin.js';
import { assertSameOrigin } from '../oauth/same-origin.js';
import { evenly } from './even-time.js';
import { PasswordReset } from './password-reset.service.js';

/** A password that was forgotten: a page that asks for the address, and the page that the link in the mail opens. */
@ApiExcludeController()
@Public()
@Controller()
export class PasswordResetController {
  constructor(
    private readonly config: Config,
    private readonly resets: PasswordReset,
  ) {}

  @Get('forgot-password')
  forgotPage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    return sendPage(reply, forgotPasswordPage(textsFor(request)));
  }

  /** The same, and after the same time, whether or not there is such an account. */
  @Post('forgot-password')
  @HttpCode(200)
  forgot(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      const { email } = parseForm(ForgotPasswordForm, body, texts);
      await evenly(() => this.resets.request(email, languageOf(request), originOf(request)));
      return sendOn(request, reply, '/forgot-password/done');
    };
    return answerWithPage(request, reply, work, (error) =>
      forgotPasswordPage(texts, { error, ...typedFields(request.body) }),
    );
  }

  @Get('forgot-password/done')
  forgotDone(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    const { done, doneLead } = texts.forgot;
    return sendPage(reply, donePage(texts, done, done, doneLead(this.config.resetLinkMs)));
  }

  @Get('reset-password')
  resetPage(
    @Query() query: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      const { token } = parseForm(EmailLinkForm, query, texts);
      return sendPage(reply, resetPasswordPage(texts, { email: await this.resets.peek(token), token }));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Post('reset-password')
  @HttpCode(200)
  reset(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      const { token, password } = parseForm(ResetPasswordForm, body, texts);
      assertGoodPassword(password, await this.resets.peek(token), texts);
      await this.resets.reset(token, password, { language: languageOf(request), origin: originOf(request) });
      return sendOn(request, reply, '/reset-password/done');
    };
    return answerWithPage(request, reply, work, async (error) => {
      const token = (body as { token?: unknown } | null)?.token;
      if (error instanceof InvalidEmailLinkError || typeof token !== 'string') return failurePage(texts, error);
      const email = await this.resets.peek(token).catch(() => null);
      return email === null ? failurePage(texts, error) : resetPasswordPage(texts, { email, token }, { error });
    });
  }

  @Get('reset-password/done')
  resetDone(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    const { done, doneLead } = texts.reset;
    return sendPage(reply, donePage(texts, done, done, doneLead));
  }
}
