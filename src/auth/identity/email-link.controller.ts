import { Body, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.js';
import { EmailLinkForm, parseForm } from '../oauth/interaction-forms.js';
import { answerWithPage, sendOn, sendPage } from '../oauth/page-answer.js';
import { textsFor } from '../oauth/page-language.js';
import { confirmLinkPage, donePage } from '../oauth/pages/email-link-pages.js';
import { failurePage } from '../oauth/pages/interaction-pages.js';
import { originOf } from '../oauth/request-origin.js';
import { assertSameOrigin } from '../oauth/same-origin.js';
import type { Texts } from '../texts/english.js';
import type { RequestOrigin } from './auth-event.recorder.js';

/** What a link in a mail stands for. */
export interface EmailLink {
  path: string;
  /** The address that the link was made for, without using it up. @throws InvalidEmailLinkError */
  peek: (token: string) => Promise<string>;
  /** Uses it up. @throws InvalidEmailLinkError */
  confirm: (token: string, origin: RequestOrigin) => Promise<unknown>;
  titleOf: (texts: Texts) => string;
  doneOf: (texts: Texts) => { title: string; heading: string };
}

/** A link in a mail opens a page; only its button changes anything, because mail scanners open links too. Nobody need be signed in. */
export abstract class EmailLinkController {
  protected constructor(
    private readonly config: Config,
    private readonly link: EmailLink,
  ) {}

  @Get()
  page(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const { path, titleOf, peek } = this.link;
    const work = async () => {
      const { token } = parseForm(EmailLinkForm, query, texts);
      const email = await peek(token);
      return sendPage(reply, confirmLinkPage(texts, { action: path, title: titleOf(texts), email, token }));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Post()
  @HttpCode(200)
  confirm(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      assertSameOrigin(request, this.config.publicUrl);
      await this.link.confirm(parseForm(EmailLinkForm, body, texts).token, originOf(request));
      return sendOn(request, reply, `${this.link.path}/done`);
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Get('done')
  done(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    const texts = textsFor(request);
    const { title, heading } = this.link.doneOf(texts);
    return sendPage(reply, donePage(texts, title, heading, texts.common.closePage));
  }
}
