import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { EmailLinkForm, parseForm } from '../oauth/interaction-forms.js';
import { answerWithPage, sendOn, sendPage } from '../oauth/page-answer.js';
import { textsFor } from '../oauth/page-language.js';
import { confirmLinkPage, donePage } from '../oauth/pages/email-link-pages.js';
import { failurePage } from '../oauth/pages/interaction-pages.js';
import { originOf } from '../oauth/request-origin.js';
import { assertSameOrigin } from '../oauth/same-origin.js';
import { EmailVerification } from './email-verification.service.js';

const PATH = '/verify-email';

/** The link that confirms an address opens a page; only its button changes anything. */
@ApiExcludeController()
@Public()
@Controller(PATH)
export class EmailVerificationController {
  constructor(
    private readonly config: Config,
    private readonly verification: EmailVerification,
  ) {}

  @Get()
  page(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      const { token } = parseForm(EmailLinkForm, query, texts);
      const email = await this.verification.peek(token);
      return sendPage(reply, confirmLinkPage(texts, { action: PATH, title: texts.verify.title, email, token }));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Post()
  @HttpCode(200)
  confirm(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      await this.verification.confirm(parseForm(EmailLinkForm, body, texts).token, originOf(request));
      return sendOn(request, reply, `${PATH}/done`);
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Get('done')
  done(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    return sendPage(reply, donePage(texts, texts.verify.done, texts.verify.doneHeading, texts.common.closePage));
  }
}
