import { Body, Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import QRCode from 'qrcode';
import { IdPipe } from '../../common/http/id-pipe.js';
import { Public } from '../../common/http/route-markers.js';
import { EmailChange } from '../identity/email-change.service.js';
import { evenly } from '../identity/even-time.js';
import { AuthenticatorApp } from '../identity/factors/authenticator-app.service.js';
import { Passkeys } from '../identity/factors/passkeys.service.js';
import { describeDevice } from '../oauth/device-name.js';
import {
  assertGoodPassword,
  ChangeEmailForm,
  ChangePasswordForm,
  CodeForm,
  parseForm,
  NewPasskeyForm,
} from '../oauth/interaction-forms.js';
import { sendOn, sendPage } from '../oauth/page-answer.js';
import type { Attempt } from '../oauth/pages/form-parts.js';
import { authenticatorPage, emailPage, passwordPage, recoveryCodesPage } from './account-pages.js';
import { AccountSessions } from './account-session.service.js';
import { AccountVisits, type Visit, type Visitor } from './account-visits.js';
import { AccountSecurity } from './security.service.js';

const OVERVIEW = '/account';

/** How people sign in, and what they change about it. Each of these wants a fresh sign-in. */
@ApiExcludeController()
@Public()
@Controller('account')
export class SecurityController {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly visits: AccountVisits,
    private readonly sessions: AccountSessions,
    private readonly security: AccountSecurity,
    private readonly emails: EmailChange,
    private readonly authenticator: AuthenticatorApp,
    private readonly passkeys: Passkeys,
  ) {}

  @Get('password')
  passwordPage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/password');
    return this.visits.receive(visit, async (visitor) => sendPage(reply, passwordPage(visitor)));
  }

  @Post('password')
  @HttpCode(200)
  changePassword(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/password', (visitor, error) => passwordPage(visitor, { error }));
    return this.visits.receive(visit, async (visitor) => {
      const { current, password, endOthers } = parseForm(ChangePasswordForm, body, visitor.texts);
      assertGoodPassword(password, visitor.user.email, visitor.texts);
      await this.security.changePassword(visitor, { current, next: password, endsOthers: endOthers === 'yes' });
      return sendOn(request, reply, OVERVIEW);
    });
  }

  @Get('email')
  emailPage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/email');
    return this.visits.receive(visit, async (visitor) => sendPage(reply, emailPage(visitor)));
  }

  /** Answered alike for a free and for a taken address. */
  @Post('email')
  @HttpCode(200)
  changeEmail(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/email', (visitor, error) => emailPage(visitor, { error }));
    return this.visits.receive(visit, async (visitor) => {
      const { email } = parseForm(ChangeEmailForm, body, visitor.texts);
      await evenly(() => this.emails.request(visitor.user, email, visitor));
      return sendOn(request, reply, '/change-email/sent');
    });
  }

  @Get('authenticator')
  appPage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/authenticator');
    return this.visits.receive(visit, async (visitor) => {
      // What is set up is not shown again.
      if (visitor.status.hasAuthenticator) return sendOn(request, reply, OVERVIEW);
      return sendPage(reply, await this.enrolmentPage(visitor));
    });
  }

  @Post('authenticator')
  @HttpCode(200)
  confirmApp(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    const visit = sensitive(request, reply, '/account/authenticator', (visitor, error) =>
      this.enrolmentPage(visitor, { error }),
    );
    return this.visits.receive(visit, async (visitor) => {
      await this.security.confirmApp(visitor, parseForm(CodeForm, body, visitor.texts).code);
      this.sessions.strengthen(request, reply);
      return sendOn(request, reply, OVERVIEW);
    });
  }

  @Post('authenticator/remove')
  @HttpCode(200)
  removeApp(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive(sensitive(request, reply, OVERVIEW), async (visitor) => {
      await this.security.removeApp(visitor);
      return sendOn(request, reply, OVERVIEW);
    });
  }

  @Post('passkeys/options')
  @HttpCode(200)
  passkeyOptions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive(sensitive(request, reply, OVERVIEW), async ({ user }) =>
      reply.header('cache-control', 'no-store').send(await this.passkeys.creationOptions(user)),
    );
  }

  @Post('passkeys')
  @HttpCode(200)
  addPasskey(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive(sensitive(request, reply, OVERVIEW), async (visitor) => {
      const { response } = parseForm(NewPasskeyForm, body, visitor.texts);
      const name = describeDevice({}, request.headers['user-agent'] ?? null).name ?? visitor.texts.account.passkey;
      await this.security.addPasskey(visitor, response, name);
      this.sessions.strengthen(request, reply);
      return sendOn(request, reply, OVERVIEW);
    });
  }

  @Post('passkeys/:id/remove')
  @HttpCode(200)
  removePasskey(
    @Param('id', new IdPipe()) id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    return this.visits.receive(sensitive(request, reply, OVERVIEW), async (visitor) => {
      await this.security.removePasskey(visitor, id);
      return sendOn(request, reply, OVERVIEW);
    });
  }

  /** The codes are on the page that answers and nowhere else. */
  @Post('recovery-codes')
  @HttpCode(200)
  recoveryCodes(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<FastifyReply> {
    return this.visits.receive(sensitive(request, reply, OVERVIEW), async (visitor) =>
      sendPage(reply, recoveryCodesPage(visitor, await this.security.newRecoveryCodes(visitor))),
    );
  }

  private async enrolmentPage(visitor: Visitor, attempt: Attempt = {}): Promise<string> {
    const { uri, secret } = await this.authenticator.enrol(visitor.user, visitor.grantId);
    const picture = await QRCode.toDataURL(uri, { margin: 2, width: 208 });
    return authenticatorPage(visitor, { picture, secret }, attempt);
  }
}

function sensitive(
  request: FastifyRequest,
  reply: FastifyReply,
  returnTo: string,
  pageOf?: NonNullable<Visit['pageOf']>,
): Visit {
  return { request, reply, returnTo, isSensitive: true, ...(pageOf && { pageOf }) };
}
