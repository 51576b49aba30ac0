import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { InteractionResults } from 'oidc-provider';
import { errors } from './oidc-engine.js';
import { WallClock } from '../../common/clock.js';
import { SINGLE_FACTOR_ACR, STRONG_ACR } from '../access/authentication-strength.js';
import type { UpstreamIssuer } from '../../config/upstream-issuers.js';
import { InteractionExpiredError } from '../auth.errors.js';
import { UpstreamIssuers } from '../identity/upstream/upstream-issuers.js';
import type { Language } from '../texts/languages.js';
import { FIRST_FACTOR } from './artifact-payload.js';
import { describeDevice } from './device-name.js';
import type { Device } from './grant.service.js';
import { OAuthClientRepository } from './oauth-client.repository.js';
import { OidcProviderHolder } from './oidc-provider.holder.js';
import { languageWanted } from './page-language.js';

export interface HttpExchange {
  uid: string;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** How somebody has shown who they are, as far as that goes without a second factor (RFC 8176; `fed` is a sign-in elsewhere). */
export interface FirstFactor {
  userId: string;
  method: 'pwd' | 'fed';
}

/** A sign-in under way: what the app wants and who is there. */
export interface Interaction {
  uid: string;
  step: 'login' | 'consent';
  clientId: string;
  clientName: string;
  loginHint: string | null;
  accountId: string | null;
  /** Of who has yet to show a second factor. */
  firstFactor: FirstFactor | null;
  /** Whether the app asks for a sign-in even of who is signed in. */
  wantsFresh: boolean;
  /** Providers elsewhere at which one may sign in instead. */
  upstream: readonly UpstreamIssuer[];
  /** Whether the app asks for a second factor (RFC 9470). */
  wantsStrong: boolean;
  acr: string;
  amr: string[];
  device: Device;
  /** What the app asks for, else what the browser prefers. */
  language: Language;
  /** What the client asks for and may have. */
  scopes: string[];
}

/** Sign-ins under way, which the provider keeps and the browser's cookie names. */
@Injectable()
export class Interactions {
  constructor(
    private readonly holder: OidcProviderHolder,
    private readonly clients: OAuthClientRepository,
    private readonly issuers: UpstreamIssuers,
    private readonly clock: WallClock,
  ) {}

  /** @throws InteractionExpiredError when it is over, or not this browser's */
  async find({ uid, request, reply }: HttpExchange): Promise<Interaction> {
    const details = await orExpired(() => this.holder.provider.interactionDetails(request.raw, reply.raw));
    const { params, prompt, session } = details;
    const clientId = textOf(params['client_id']);
    const client = await this.clients.findActive(clientId);
    // The cookie names the interaction; a page of another one must not steer it.
    if (details.uid !== uid || !client || (prompt.name !== 'login' && prompt.name !== 'consent')) {
      throw new InteractionExpiredError();
    }
    const { acr, amr } = (session ?? {}) as { acr?: string; amr?: string[] };
    const requested = new Set(textOf(params['scope']).split(' '));
    return {
      uid,
      step: prompt.name,
      clientId,
      clientName: client.clientName,
      loginHint: textOf(params['login_hint']) || null,
      accountId: session?.accountId ?? null,
      firstFactor: (details.result?.[FIRST_FACTOR] as FirstFactor | undefined) ?? null,
      wantsFresh: textOf(params['prompt']).split(' ').includes('login'),
      upstream: this.issuers.list(),
      wantsStrong: textOf(params['acr_values']).split(' ').includes(STRONG_ACR),
      acr: acr ?? SINGLE_FACTOR_ACR,
      amr: amr ?? [],
      language: languageWanted(params['ui_locales'], request),
      // The browser that types the code of another device says nothing of that device.
      device: describeDevice(params, details.deviceCode ? null : (request.headers['user-agent'] ?? null)),
      scopes: client.scopes.filter((scope) => requested.has(scope)),
    };
  }

  /** Remembers, in this browser's sign-in alone, who was there. @throws InteractionExpiredError */
  async holdUntilFactor({ request, reply }: HttpExchange, first: FirstFactor): Promise<void> {
    const details = await orExpired(() => this.holder.provider.interactionDetails(request.raw, reply.raw));
    details.result = { [FIRST_FACTOR]: first };
    await details.persist();
  }

  /** Hands the result to the provider. Where the browser goes next. @throws InteractionExpiredError */
  finish({ request, reply }: HttpExchange, { login, ...result }: InteractionResults): Promise<string> {
    // The provider would take the time of its next step, which a page that is left open puts off by half an hour.
    const ts = Math.floor(this.clock.now().getTime() / 1000);
    const dated = { ...result, ...(login && { login: { ...login, ts } }) };
    return orExpired(() => this.holder.provider.interactionResult(request.raw, reply.raw, dated));
  }
}

async function orExpired<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw new InteractionExpiredError(error);
    throw error;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
