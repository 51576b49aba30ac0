import { Injectable } from '@nestjs/common';
import { evenly } from '../identity/even-time.js';
import { KnownDevices } from '../identity/known-devices.js';
import { Registration } from '../identity/registration.service.js';
import { SignInService } from '../identity/sign-in.service.js';
import { UpstreamAccounts } from '../identity/upstream/upstream-accounts.service.js';
import type { User } from '../identity/user.entity.js';
import { ConsentService, type ConsentView } from './consent.service.js';
import { FactorStep } from './factor-step.service.js';
import type { ConsentForm, RegistrationForm, SignInForm } from './interaction-forms.js';
import { type FirstFactor, Interactions, type HttpExchange, type Interaction } from './interactions.js';
import { originOf } from './request-origin.js';
import { UpstreamVisits } from './upstream-visits.js';

const CANCELLED = { error: 'access_denied', error_description: 'The sign-in was cancelled.' };

/** The steps of a sign-in between the app's request and its answer. Each tells where the browser goes next. */
@Injectable()
export class InteractionService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly interactions: Interactions,
    private readonly signIns: SignInService,
    private readonly registration: Registration,
    private readonly consents: ConsentService,
    private readonly factors: FactorStep,
    private readonly devices: KnownDevices,
    private readonly upstream: UpstreamVisits,
    private readonly upstreamAccounts: UpstreamAccounts,
  ) {}

  /** @throws InteractionExpiredError when it is over, or not this browser's */
  find(exchange: HttpExchange): Promise<Interaction> {
    return this.interactions.find(exchange);
  }

  consentView(interaction: Interaction): Promise<ConsentView> {
    return this.consents.view(interaction);
  }

  /** @throws SignInFailedError, SignInThrottledError, PasswordQueueFullError, InteractionExpiredError */
  async signIn(exchange: HttpExchange, form: SignInForm): Promise<string> {
    await this.interactions.find(exchange);
    return this.goOn(exchange, await this.signIns.signIn(form, originOf(exchange.request)), 'pwd');
  }

  /** To a provider elsewhere. @throws InteractionExpiredError, UpstreamNotFoundError, UpstreamUnavailableError */
  async beginUpstream(exchange: HttpExchange, name: string): Promise<string> {
    const { uid, wantsFresh } = await this.interactions.find(exchange);
    return this.upstream.begin(exchange.reply, name, {
      returnTo: `/interaction/${uid}/upstream`,
      isFreshWanted: wantsFresh,
    });
  }

  /** Takes what the provider sent back. @throws InteractionExpiredError, UpstreamSignInFailedError, UpstreamAddressTakenError, … */
  async finishUpstream(exchange: HttpExchange): Promise<string> {
    await this.interactions.find(exchange);
    const person = await this.upstream.finish(exchange.request, exchange.reply);
    return this.goOn(exchange, await this.upstreamAccounts.signIn(person, originOf(exchange.request)), 'fed');
  }

  /** The same for a new and for a known address. */
  async register(exchange: HttpExchange, form: RegistrationForm): Promise<string> {
    const { uid, language } = await this.interactions.find(exchange);
    const account = { email: form.email, password: form.password, displayName: form.displayName || null, language };
    await evenly(() => this.registration.register(account, originOf(exchange.request)));
    return `/interaction/${uid}?registered=1`;
  }

  async consent(exchange: HttpExchange, { decision }: ConsentForm): Promise<string> {
    const interaction = await this.interactions.find(exchange);
    const origin = originOf(exchange.request);
    if (decision === 'deny') {
      await this.consents.deny(interaction, origin);
      return this.interactions.finish(exchange, CANCELLED);
    }
    return this.interactions.finish(exchange, { consent: { grantId: await this.consents.allow(interaction, origin) } });
  }

  /** Tells the app that the person does not want to sign in. */
  async cancel(exchange: HttpExchange): Promise<string> {
    await this.interactions.find(exchange);
    return this.interactions.finish(exchange, CANCELLED);
  }

  private goOn(exchange: HttpExchange, user: User, method: FirstFactor['method']): Promise<string> {
    void exchange.reply.header('set-cookie', this.devices.cookieFor(user.email));
    return this.factors.afterFirst(exchange, user, method);
  }
}
