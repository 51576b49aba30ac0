import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { sendPage } from '../oauth/page-answer.js';
import { textsFor } from '../oauth/page-language.js';
import { donePage } from '../oauth/pages/email-link-pages.js';
import { EmailChange } from './email-change.service.js';
import { EmailLinkController } from './email-link.controller.js';

const PATH = '/change-email';

/** The link that was sent to the new address of an account. */
@ApiExcludeController()
@Public()
@Controller(PATH)
export class EmailChangeController extends EmailLinkController {
  constructor(config: Config, changes: EmailChange) {
    super(config, {
      path: PATH,
      peek: (token) => changes.peek(token),
      confirm: (token, origin) => changes.confirm(token, origin),
      titleOf: (texts) => texts.account.changeEmail,
      doneOf: ({ account }) => ({ title: account.emailChanged, heading: account.emailChanged }),
    });
  }

  @Get('sent')
  sent(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    const { emailSent, emailSentLead } = texts.account;
    return sendPage(reply, donePage(texts, emailSent, emailSent, emailSentLead));
  }
}
