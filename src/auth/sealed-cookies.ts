import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { WallClock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Sealer } from './sealer.js';

export interface SealedCookie {
  name: string;
  /** Where the browser sends it to. */
  path: string;
}

/** What a browser keeps for us and can neither read nor change. */
@Injectable()
export class SealedCookies {
  constructor(
    private readonly config: Config,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
  ) {}

  /** Null when there is none, it has expired, or it is not ours. */
  read<T extends { expiresAtMs: number }>(request: FastifyRequest, { name }: SealedCookie): T | null {
    const sealed = valueOf(request, name);
    if (sealed === undefined) return null;
    try {
      const content = JSON.parse(this.sealer.open(Buffer.from(sealed, 'base64url'), `cookie:${name}`)) as T;
      return content.expiresAtMs > this.clock.now().getTime() ? content : null;
    } catch {
      // Changed, or sealed by another key: nobody's.
      return null;
    }
  }

  write(reply: FastifyReply, cookie: SealedCookie, content: object, validMs: number): void {
    const expiresAtMs = this.clock.now().getTime() + validMs;
    const sealed = this.sealer.seal(JSON.stringify({ ...content, expiresAtMs }), `cookie:${cookie.name}`);
    this.set(reply, cookie, sealed.toString('base64url'), Math.floor(validMs / 1000));
  }

  clear(reply: FastifyReply, cookie: SealedCookie): void {
    this.set(reply, cookie, '', 0);
  }

  private set(reply: FastifyReply, { name, path }: SealedCookie, value: string, maxAgeSeconds: number): void {
    const secure = this.config.publicUrl.startsWith('https:') ? '; Secure' : '';
    const attributes = `Path=${path}; HttpOnly; SameSite=Lax${secure}; Max-Age=${maxAgeSeconds}`;
    void reply.header('set-cookie', `${name}=${value}; ${attributes}`);
  }
}

function valueOf({ headers }: FastifyRequest, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  return pairs.find(([key]) => key === name)?.[1];
}
