import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import type { ImageFacts, ImageFault } from './image-header.js';
import { readImageHeader, type ImageType } from './image-header.js';
import { IMAGE_TYPES, type ImageLimits } from '../../models/domain/image-limits.js';
import { sizeFault } from './image-part.js';
import { guardedLookup, PrivateAddressError } from '../../common/http/public-address.js';

/** From the first look at a name to the last byte needed. */
const FETCH_MS_MAX = 3_000;
/** As far as a header is looked for: profiles and previews come before the size in some files. */
const HEAD_BYTES_MAX = 256 * 1_024;
const CONNECTIONS_MAX = 16;

export interface ImageFetcherOptions {
  /** Hosts that the operator has allowed. Every other is never asked. */
  hosts: ReadonlySet<string>;
  /** Resolves names; the operating system's resolver unless a test brings its own. */
  lookup?: LookupFunction;
  isAllowed?: (address: string) => boolean;
  timeoutMs?: number;
}

/**
 * Looks at the head of remote images on hosts that the operator allows. Where a name leads is checked when the connection is made, after the
 * name was resolved, so that no name can be made to lead into a private network; redirects are not followed at all.
 */
export class ImageFetcher {
  private readonly dispatcher: Agent;

  constructor(private readonly options: ImageFetcherOptions) {
    this.dispatcher = new Agent({
      connections: CONNECTIONS_MAX,
      headersTimeout: this.timeoutMs,
      bodyTimeout: this.timeoutMs,
      connect: { lookup: guardedLookup({ lookup, ...options }), timeout: this.timeoutMs },
    });
  }

  isAllowed(url: URL): boolean {
    return this.options.hosts.has(url.hostname) && url.port === '';
  }

  /** The size of the image behind an allowed address, or why it is refused. */
  async measure(url: URL, limits: ImageLimits): Promise<ImageFacts | ImageFault> {
    const signal = AbortSignal.timeout(this.timeoutMs);
    try {
      const response = await request(url, {
        dispatcher: this.dispatcher,
        signal,
        headers: { accept: IMAGE_TYPES.join(', '), range: `bytes=0-${HEAD_BYTES_MAX - 1}` },
      });
      try {
        return sizeFault(await readResponse(response, limits), limits);
      } finally {
        response.body.on('error', () => undefined).destroy();
      }
    } catch (error) {
      if (error instanceof PrivateAddressError || (error as Error).cause instanceof PrivateAddressError) {
        return { fault: 'must be an address of the public internet' };
      }
      if (signal.aborted) return { fault: `did not arrive within ${this.timeoutMs} ms` };
      return { fault: 'could not be fetched' };
    }
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private get timeoutMs(): number {
    return this.options.timeoutMs ?? FETCH_MS_MAX;
  }
}

async function readResponse(response: Dispatcher.ResponseData, limits: ImageLimits): Promise<ImageFacts | ImageFault> {
  const { statusCode, headers } = response;
  if (statusCode >= 300 && statusCode < 400) return { fault: 'redirects; send the address that it leads to' };
  if (statusCode !== 200 && statusCode !== 206) return { fault: `was answered with status ${statusCode}` };
  const type = IMAGE_TYPES.find((known): known is ImageType => known === mediaType(headers['content-type']));
  if (!type) return { fault: `must be one of ${IMAGE_TYPES.join(', ')}` };
  const length = totalLength(headers);
  if (length > limits.bytesMax) return { fault: `has ${length} bytes, at most ${limits.bytesMax} are taken` };
  let head = Buffer.alloc(0);
  let facts: ImageFacts | ImageFault = { fault: 'holds no bytes' };
  for await (const part of response.body as AsyncIterable<Buffer>) {
    head = Buffer.concat([head, part]);
    facts = readImageHeader(head, type);
    // Whether a file is animated shows only further in; unless all of it has come, it may be.
    if (head.length >= HEAD_BYTES_MAX) return 'fault' in facts ? facts : { ...facts, isAnimated: true };
  }
  return facts;
}

function mediaType(header: string | string[] | undefined): string {
  return String(header).split(';')[0]!.trim().toLowerCase();
}

function totalLength(headers: Dispatcher.ResponseData['headers']): number {
  const total = /\/(\d+)$/.exec(String(headers['content-range']))?.[1] ?? headers['content-length'];
  return Number(total) || 0;
}
