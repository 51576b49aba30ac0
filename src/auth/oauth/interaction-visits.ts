import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { AppError } from '../../common/errors/app-error.js';
import { Config } from '../../config/config.js';
import { InteractionExpiredError } from '../auth.errors.js';
import type { Texts } from '../texts/english.js';
import { textsIn } from '../texts/languages.js';
import { type HttpExchange, type Interaction, Interactions } from './interactions.js';
import { answerWithPage, sendOn, sendPage } from './page-answer.js';
import { textsFor } from './page-language.js';
import { failurePage } from './pages/interaction-pages.js';
import { assertSameOrigin } from './same-origin.js';

export interface InteractionVisit extends HttpExchange {
  /** The page that the request came from, with what was wrong; without it, a page that only says so. */
  pageOf?: (interaction: Interaction, texts: Texts, error: AppError) => string | Promise<string>;
}

/** Requests to the pages of a sign-in under way, and what is shown when one fails. */
@Injectable()
export class InteractionVisits {
  constructor(
    private readonly config: Config,
    private readonly interactions: Interactions,
  ) {}

  /** Shows a page of this browser's sign-in. */
  show(
    visit: InteractionVisit,
    pageOf: (interaction: Interaction, texts: Texts) => string | Promise<string>,
  ): Promise<FastifyReply> {
    return this.receive(visit, async () => {
      const interaction = await this.interactions.find(visit);
      return sendPage(visit.reply, await pageOf(interaction, textsIn(interaction.language)));
    });
  }

  /** Takes a step, which tells where the browser goes next. */
  submit(visit: InteractionVisit, step: (texts: Texts) => Promise<string>): Promise<FastifyReply> {
    const { request, reply } = visit;
    return this.receive(visit, async () => sendOn(request, reply, await step(await this.textsOf(visit))));
  }

  receive(visit: InteractionVisit, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
    const { request, reply } = visit;
    return answerWithPage(
      request,
      reply,
      () => {
        if (request.method !== 'GET') assertSameOrigin(request, this.config.publicUrl);
        return work();
      },
      (error) => this.pageAgain(visit, error),
      () => this.textsOf(visit),
    );
  }

  private async pageAgain(visit: InteractionVisit, error: AppError): Promise<string> {
    if (!visit.pageOf || error instanceof InteractionExpiredError || error.status === 403)
      return failurePage(await this.textsOf(visit), error);
    try {
      const interaction = await this.interactions.find(visit);
      return await visit.pageOf(interaction, textsIn(interaction.language), error);
    } catch (reason) {
      // A form whose sign-in has expired cannot be shown again; then that is said instead.
      if (reason instanceof InteractionExpiredError) return failurePage(textsFor(visit.request), reason);
      throw reason;
    }
  }

  /** Of the sign-in, which the app may want in another language than the browser; of the browser where there is none. */
  private async textsOf(visit: InteractionVisit): Promise<Texts> {
    try {
      return textsIn((await this.interactions.find(visit)).language);
    } catch (error) {
      if (error instanceof InteractionExpiredError) return textsFor(visit.request);
      throw error;
    }
  }
}
