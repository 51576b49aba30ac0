import { Injectable } from '@nestjs/common';
import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import QRCode from 'qrcode';
import { SINGLE_FACTOR_ACR, STRONG_ACR } from '../access/authentication-strength.js';
import { InteractionExpiredError, SignInFailedError } from '../auth.errors.js';
import { AuthEventRecorder } from '../identity/auth-event.recorder.js';
import { AuthenticatorApp } from '../identity/factors/authenticator-app.service.js';
import { WrongCodeError } from '../identity/factors/factors.errors.js';
import { Passkeys } from '../identity/factors/passkeys.service.js';
import { type FactorStatus, hasFactor, SecondFactors } from '../identity/factors/second-factors.service.js';
import type { User } from '../identity/user.entity.js';
import { UserRepository } from '../identity/user.repository.js';
import { EndpointLimiter } from './endpoint-limiter.js';
import { type FirstFactor, type HttpExchange, type Interaction, Interactions } from './interactions.js';
import { originOf } from './request-origin.js';

/** What the page of this step shows. */
export interface FactorStepView {
  status: FactorStatus;
  /** For who has to have a factor and has none yet: the picture for an authenticator app, and the same in letters. */
  enrolment: { picture: string; secret: string } | null;
}

/** The step between the first factor and the consent, for who has a second one or must have one. A passkey alone takes the place of both. */
@Injectable()
export class FactorStep {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly interactions: Interactions,
    private readonly users: UserRepository,
    private readonly factors: SecondFactors,
    private readonly authenticator: AuthenticatorApp,
    private readonly passkeys: Passkeys,
    private readonly events: AuthEventRecorder,
    private readonly limiter: EndpointLimiter,
  ) {}

  /** Where the browser goes after a first factor: on, or to this step. A second factor elsewhere is not one here: only its provider knows of it. */
  async afterFirst(exchange: HttpExchange, user: User, method: FirstFactor['method']): Promise<string> {
    const interaction = await this.interactions.find(exchange);
    const isNeeded =
      interaction.wantsStrong || this.factors.isRequired(user) || hasFactor(await this.factors.of(user.id));
    if (!isNeeded) {
      const login = { accountId: user.id, acr: SINGLE_FACTOR_ACR, amr: [method] };
      return this.interactions.finish(exchange, { login });
    }
    await this.interactions.holdUntilFactor(exchange, { userId: user.id, method });
    return `/interaction/${interaction.uid}/mfa`;
  }

  /** @throws InteractionExpiredError when there was no first factor before */
  async view(interaction: Interaction): Promise<FactorStepView> {
    const user = await this.waiting(interaction);
    const status = await this.factors.of(user.id);
    if (hasFactor(status)) return { status, enrolment: null };
    const { uri, secret } = await this.authenticator.enrol(user, interaction.uid);
    return { status, enrolment: { picture: await QRCode.toDataURL(uri, { margin: 2, width: 208 }), secret } };
  }

  /** Takes a code; for who has no factor yet, the first code of a new app. @throws WrongCodeError, SignInThrottledError */
  async takeCode(exchange: HttpExchange, code: string): Promise<string> {
    const interaction = await this.interactions.find(exchange);
    const user = await this.waiting(interaction);
    const first = interaction.firstFactor?.method ?? 'pwd';
    const origin = originOf(exchange.request);
    if (!hasFactor(await this.factors.of(user.id))) {
      const { uid: signIn, language } = interaction;
      const isConfirmed = await this.factors.confirmApp(user, { code, signIn, language, origin });
      if (!isConfirmed) throw new WrongCodeError();
      return this.finish(exchange, user.id, [first, 'otp', 'mfa']);
    }
    const kind = await this.factors.verifyCode(user.id, code, origin);
    return this.finish(exchange, user.id, kind === 'app' ? [first, 'otp', 'mfa'] : [first, 'mfa']);
  }

  /** For one of the person who showed a first factor, or of whoever is there: it stores a challenge for a stranger. @throws TooManyRequestsError */
  async passkeyOptions(exchange: HttpExchange): Promise<object> {
    const { firstFactor } = await this.interactions.find(exchange);
    this.limiter.admit(exchange.request.ip);
    return this.passkeys.requestOptions(firstFactor?.userId ?? null);
  }

  /** @throws PasskeyRefusedError, SignInFailedError when its owner may not sign in */
  async takePasskey(exchange: HttpExchange, response: AuthenticationResponseJSON): Promise<string> {
    const { firstFactor } = await this.interactions.find(exchange);
    const { userId, method } = await this.passkeys.use(response, firstFactor?.userId ?? null);
    const user = await this.users.findById(userId);
    if (user?.status !== 'active') throw new SignInFailedError();
    const amr = [firstFactor?.method ?? 'user', method, 'mfa'];
    await this.users.recordSignIn(userId);
    await this.events.record({ event: 'sign_in', userId, origin: originOf(exchange.request), details: { amr } });
    return this.finish(exchange, userId, amr);
  }

  private finish(exchange: HttpExchange, accountId: string, amr: string[]): Promise<string> {
    return this.interactions.finish(exchange, { login: { accountId, acr: STRONG_ACR, amr } });
  }

  private async waiting({ firstFactor }: Interaction): Promise<User> {
    const user = firstFactor === null ? null : await this.users.findById(firstFactor.userId);
    if (user?.status !== 'active') throw new InteractionExpiredError();
    return user;
  }
}
