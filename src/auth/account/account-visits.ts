import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../../common/errors/app-error.js';
import { Config } from '../../config/config.js';
import { type FactorStatus, hasFactor, SecondFactors } from '../identity/factors/second-factors.service.js';
import { answerWithPage, sendOn } from '../oauth/page-answer.js';
import { languageOf, textsFor } from '../oauth/page-language.js';
import { failurePage } from '../oauth/pages/interaction-pages.js';
import { originOf } from '../oauth/request-origin.js';
import { assertSameOrigin } from '../oauth/same-origin.js';
import type { Texts } from '../texts/english.js';
import { AccountSessions } from './account-session.service.js';
import type { Requester } from './security.service.js';

export interface Visitor extends Requester {
  texts: Texts;
  status: FactorStatus;
}

export interface Visit {
  request: FastifyRequest;
  reply: FastifyReply;
  /** Where the person is after signing in. */
  returnTo: string;
  /** Whether it is about what would keep a thief in: the person has just proved who they are, or does so first. */
  isSensitive?: boolean;
  /** The form again, with what was wrong. */
  pageOf?: (visitor: Visitor, error: AppError) => string | Promise<string>;
}

/** Requests to the pages of the account: who makes them, and what happens when nobody is signed in or not freshly enough. */
@Injectable()
export class AccountVisits {
  constructor(
    private readonly config: Config,
    private readonly sessions: AccountSessions,
    private readonly factors: SecondFactors,
  ) {}

  async receive(visit: Visit, work: (visitor: Visitor) => Promise<FastifyReply>): Promise<FastifyReply> {
    const { request, reply, returnTo } = visit;
    const texts = textsFor(request);
    let visitor: Visitor | undefined;
    return answerWithPage(
      request,
      reply,
      async () => {
        if (request.method !== 'GET') assertSameOrigin(request, this.config.publicUrl);
        const session = await this.sessions.find(request);
        if (!session) return sendOn(request, reply, this.sessions.begin(reply, returnTo));
        const status = await this.factors.of(session.user.id);
        if (visit.isSensitive && !this.sessions.isFresh(session, hasFactor(status))) {
          const proof = { isFresh: true, isStrong: hasFactor(status) };
          return sendOn(request, reply, this.sessions.begin(reply, returnTo, proof));
        }
        const { user, grantId } = session;
        visitor = { user, grantId, status, texts, language: languageOf(request), origin: originOf(request) };
        return work(visitor);
      },
      (error) => (visitor && visit.pageOf ? visit.pageOf(visitor, error) : failurePage(texts, error)),
    );
  }
}
