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
import { EmailChange } from './email-change.service.js';

const PATH = '/change-email';

/** The link that was sent to a new address; whoever opens it need not be signed in. Only its button changes anything. */
@ApiExcludeController()
@Public()
@Controller(PATH)
export class EmailChangeController {
  constructor(
    private readonly config: Config,
    private readonly changes: EmailChange,
  ) {}

  @Get()
  page(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      const { token } = parseForm(EmailLinkForm, query, texts);
      const email = await this.changes.peek(token);
      return sendPage(reply, confirmLinkPage(texts, { action: PATH, title: texts.account.changeEmail, email, token }));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Post()
  @HttpCode(200)
  confirm(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      await this.changes.confirm(parseForm(EmailLinkForm, body, texts).token, originOf(request));
      return sendOn(request, reply, `${PATH}/done`);
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Get('sent')
  sent(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    return sendPage(
      reply,
      donePage(texts, texts.account.emailSent, texts.account.emailSent, texts.account.emailSentLead),
    );
  }

  @Get('done')
  done(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    return sendPage(
      reply,
      donePage(texts, texts.account.emailChanged, texts.account.emailChanged, texts.common.closePage),
    );
  }
}
