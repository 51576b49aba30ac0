import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IdPipe } from '../../common/http/id-pipe.js';
import { Public } from '../../common/http/route-markers.js';
import { InteractionExpiredError } from '../auth.errors.js';
import { EmailVerification } from '../identity/email-verification.service.js';
import { DeviceService } from '../oauth/device.service.js';
import { CallbackForm, parseForm } from '../oauth/interaction-forms.js';
import { answerWithPage, sendOn, sendPage } from '../oauth/page-answer.js';
import { textsFor } from '../oauth/page-language.js';
import { failurePage } from '../oauth/pages/interaction-pages.js';
import { AccountSessions } from './account-session.service.js';
import { AccountOverview } from './account-overview.js';
import { devicesPage } from './account-pages.js';
import { AccountVisits, type Visit } from './account-visits.js';

/** What people see of their account in a browser: who they are, and where they are signed in. Guarded by a session of its own. */
@ApiExcludeController()
@Public()
@Controller('account')
export class AccountController {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly sessions: AccountSessions,
    private readonly visits: AccountVisits,
    private readonly devices: DeviceService,
    private readonly overview: AccountOverview,
    private readonly verification: EmailVerification,
  ) {}

  @Get()
  page(
    @Query('sent') sent: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.receive({ request, reply, returnTo: '/account' }, async (visitor) =>
      sendPage(reply, await this.overview.page(visitor, { isLinkSent: sent !== undefined })),
    );
  }

  /** Another link for who has none that works, to confirm the address. */
  @Post('verify-email')
  @HttpCode(200)
  sendLinkAgain(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const pageOf: Visit['pageOf'] = (visitor, error) => this.overview.page(visitor, { error });
    return this.visits.receive({ request, reply, returnTo: '/account', pageOf }, async (visitor) => {
      await this.verification.sendLinkAgain(visitor.user, visitor);
      return sendOn(request, reply, '/account?sent=1');
    });
  }

  /** Where the sign-in comes back to. A wrong or late answer begins anew on /account. */
  @Get('callback')
  callback(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const texts = textsFor(request);
    const work = async () => {
      const { code, state } = parseForm(CallbackForm, query, texts);
      // Whoever cancelled has no code and is nobody.
      if (code === undefined) throw new InteractionExpiredError();
      return sendOn(request, reply, await this.sessions.finish(request, reply, { code, state }));
    };
    return answerWithPage(request, reply, work, (error) => failurePage(texts, error));
  }

  @Get('devices')
  devicesPage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive({ request, reply, returnTo: '/account/devices' }, async (visitor) =>
      sendPage(reply, devicesPage(visitor, await this.devices.list(visitor.user.id))),
    );
  }

  @Post('devices/:id/end')
  @HttpCode(200)
  endDevice(
    @Param('id', new IdPipe()) id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.receive({ request, reply, returnTo: '/account/devices' }, async ({ user, origin }) => {
      await this.devices.end(user.id, id, origin);
      return sendOn(request, reply, '/account/devices');
    });
  }

  @Post('devices/end-others')
  @HttpCode(200)
  endOthers(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive({ request, reply, returnTo: '/account/devices' }, async ({ user, grantId, origin }) => {
      await this.devices.endOthers(user.id, grantId, origin);
      return sendOn(request, reply, '/account/devices');
    });
  }

  /** Ends this sign-in, then asks about the browser's own session. */
  @Post('sign-out')
  @HttpCode(200)
  signOut(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive({ request, reply, returnTo: '/account' }, async ({ user, grantId, origin }) => {
      await this.devices.end(user.id, grantId, origin);
      this.sessions.end(reply);
      return sendOn(request, reply, '/oauth2/logout');
    });
  }
}
