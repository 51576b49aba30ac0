import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InteractionExpiredError } from '../auth.errors.js';
import { UpstreamIssuers, type UpstreamPerson, type UpstreamRequest } from '../identity/upstream/upstream-issuers.js';
import { UpstreamSignInFailedError } from '../identity/upstream/upstream.errors.js';
import { type SealedCookie, SealedCookies } from '../sealed-cookies.js';

/** Sent along to wherever the answer goes on, below / as the callback itself. */
const COOKIE: SealedCookie = { name: 'upstream', path: '/' };
/** Long enough to sign in somewhere, with a second factor. */
const VALID_MS = 15 * 60 * 1000;

interface Pending extends UpstreamRequest {
  /** The path of ours that takes the answer. */
  returnTo: string;
  expiresAtMs: number;
}

/** The way of a browser to a provider and back: what it was sent away with is in a cookie of that browser alone. */
@Injectable()
export class UpstreamVisits {
  constructor(
    private readonly issuers: UpstreamIssuers,
    private readonly cookies: SealedCookies,
  ) {}

  /** Where the browser signs in. @throws UpstreamNotFoundError, UpstreamUnavailableError */
  async begin(reply: FastifyReply, name: string, visit: { returnTo: string; isFreshWanted: boolean }): Promise<string> {
    const { address, request } = await this.issuers.begin(name, visit.isFreshWanted);
    this.cookies.write(reply, COOKIE, { ...request, returnTo: visit.returnTo }, VALID_MS);
    return address;
  }

  /** Where an answer goes on that came to the address of provider `name`. @throws UpstreamSignInFailedError, UpstreamNotFoundError */
  onward(request: FastifyRequest, name: string): string {
    const pending = this.cookies.read<Pending>(request, COOKIE);
    const query = queryOf(request);
    if (pending?.name !== name || new URLSearchParams(query).get('state') !== pending.state) {
      throw new UpstreamSignInFailedError(this.issuers.find(name).label);
    }
    return `${pending.returnTo}?${query}`;
  }

  /** Who has signed in, for the page that sent the browser there. @throws InteractionExpiredError, UpstreamSignInFailedError, UpstreamUnavailableError */
  async finish(request: FastifyRequest, reply: FastifyReply): Promise<UpstreamPerson> {
    const pending = this.cookies.read<Pending>(request, COOKIE);
    if (!pending || pending.returnTo !== request.url.split('?', 1)[0]) throw new InteractionExpiredError();
    this.cookies.clear(reply, COOKIE);
    return this.issuers.finish(pending, queryOf(request));
  }
}

function queryOf({ url }: FastifyRequest): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}
