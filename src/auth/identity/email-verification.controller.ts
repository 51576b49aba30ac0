import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { EmailLinkForm, parseForm } from '../oauth/interaction-forms.js';
import { answerWithPage, sendOn, sendPage } from '../oauth/page-answer.js';
import { confirmEmailPage, emailConfirmedPage, failurePage } from '../oauth/pages/interaction-pages.js';
import { originOf } from '../oauth/request-origin.js';
import { assertSameOrigin } from '../oauth/same-origin.js';
import { EmailVerification } from './email-verification.service.js';

/** The link that confirms an address opens a page; only its button changes anything. */
@ApiExcludeController()
@Public()
@Controller('verify-email')
export class EmailVerificationController {
  constructor(
    private readonly config: Config,
    private readonly verification: EmailVerification,
  ) {}

  @Get()
  page(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const work = async () => {
      const { token } = parseForm(EmailLinkForm, query);
      return sendPage(reply, confirmEmailPage(await this.verification.peek(token), token));
    };
    return answerWithPage(request, reply, work, (error) => Promise.resolve(failurePage(error)));
  }

  @Post()
  @HttpCode(200)
  confirm(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      await this.verification.confirm(parseForm(EmailLinkForm, body).token, originOf(request));
      return sendOn(request, reply, '/verify-email/done');
    };
    return answerWithPage(request, reply, work, (error) => Promise.resolve(failurePage(error)));
  }

  @Get('done')
  done(@Res() reply: FastifyReply): FastifyReply {
    return sendPage(reply, emailConfirmedPage());
  }
}
