import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { InteractionResults } from 'oidc-provider';
import { errors } from './oidc-engine.js';
import { SINGLE_FACTOR_ACR, STRONG_ACR } from '../access/authentication-strength.js';
import { InteractionExpiredError } from '../auth.errors.js';
import { type Language, preferredLanguage } from '../texts/languages.js';
import { describeDevice } from './device-name.js';
import type { Device } from './grant.service.js';
import { OAuthClientRepository } from './oauth-client.repository.js';
import { OidcProviderHolder } from './oidc-provider.holder.js';

export interface HttpExchange {
  uid: string;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** Kept in the result of an interaction that is not at its end; the provider takes no account from it. */
const PASSWORD_GIVEN_BY = 'password_given_by';

/** A sign-in under way: what the app wants and who is there. */
export interface Interaction {
  uid: string;
  step: 'login' | 'consent';
  clientId: string;
  clientName: string;
  loginHint: string | null;
  accountId: string | null;
  /** Who has given a password and has yet to show a second factor. */
  passwordGivenBy: string | null;
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
      passwordGivenBy: textOf(details.result?.[PASSWORD_GIVEN_BY]) || null,
      wantsStrong: textOf(params['acr_values']).split(' ').includes(STRONG_ACR),
      acr: acr ?? SINGLE_FACTOR_ACR,
      amr: amr ?? [],
      language: preferredLanguage(
        `${textOf(params['ui_locales']).replaceAll(' ', ',')},${request.headers['accept-language'] ?? ''}`,
      ),
      // The browser that types the code of another device says nothing of that device.
      device: describeDevice(params, details.deviceCode ? null : (request.headers['user-agent'] ?? null)),
      scopes: client.scopes.filter((scope) => requested.has(scope)),
    };
  }

  /** Remembers, in this browser's sign-in alone, whose password was right. @throws InteractionExpiredError */
  async holdUntilFactor({ request, reply }: HttpExchange, accountId: string): Promise<void> {
    const details = await orExpired(() => this.holder.provider.interactionDetails(request.raw, reply.raw));
    details.result = { [PASSWORD_GIVEN_BY]: accountId };
    await details.persist();
  }

  /** Hands the result to the provider. Where the browser goes next. @throws InteractionExpiredError */
  finish({ request, reply }: HttpExchange, result: InteractionResults): Promise<string> {
    return orExpired(() => this.holder.provider.interactionResult(request.raw, reply.raw, result));
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
