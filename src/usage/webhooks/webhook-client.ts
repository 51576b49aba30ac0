import { lookup } from 'node:dns';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, request } from 'undici';
import { guardedLookup, PrivateAddressError, privateHostFault } from '../../common/http/public-address.js';
import { Config } from '../../config/config.js';

/** From the look-up of the name to the status of the answer; its body is not read. */
const SEND_MS_MAX = 10_000;

/**
 * Sends to addresses that operators gave, and nowhere into a private network unless its host is in `WEBHOOK_PRIVATE_HOSTS`: where a name leads
 * is checked when the connection is made, and redirects are not followed (threat T47).
 */
@Injectable()
export class WebhookClient implements OnApplicationShutdown {
  private readonly open: Agent;
  private readonly guarded: Agent;

  constructor(private readonly config: Config) {
    const limits = { headersTimeout: SEND_MS_MAX, bodyTimeout: SEND_MS_MAX };
    this.open = new Agent({ ...limits, connect: { timeout: SEND_MS_MAX } });
    this.guarded = new Agent({ ...limits, connect: { timeout: SEND_MS_MAX, lookup: guardedLookup({ lookup }) } });
  }

  /** Why nothing may be sent there, or null, as far as the address alone tells. */
  faultOf(url: URL): string | null {
    if (this.config.webhookPrivateHosts.has(url.hostname)) return null;
    if (url.protocol !== 'https:') return 'must begin with https://';
    return privateHostFault(url.hostname);
  }

  /** The status of the answer. @throws Error saying why there is none */
  async send(address: string, headers: Record<string, string>, body: string): Promise<number> {
    const url = new URL(address);
    const fault = this.faultOf(url);
    if (fault) throw new Error(`the address ${fault}`);
    const dispatcher = this.config.webhookPrivateHosts.has(url.hostname) ? this.open : this.guarded;
    const signal = AbortSignal.timeout(SEND_MS_MAX);
    try {
      const answer = await request(url, { method: 'POST', dispatcher, signal, headers, body });
      answer.body.on('error', () => undefined).destroy();
      return answer.statusCode;
    } catch (error) {
      const isPrivate = error instanceof PrivateAddressError || (error as Error).cause instanceof PrivateAddressError;
      if (isPrivate) throw new Error('the address must be an address of the public internet', { cause: error });
      if (signal.aborted) throw new Error(`no answer within ${SEND_MS_MAX} ms`, { cause: error });
      throw new Error('the address could not be reached', { cause: error });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.open.destroy(), this.guarded.destroy()]);
  }
}
