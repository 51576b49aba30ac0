import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { ImageFetcher, type ImageFetcherOptions } from '../../src/inference/images/image-fetcher.js';
import { imageLimits } from '../../src/models/domain/image-limits.js';
import { png, webp } from '../support/images.js';

const HOST = 'images.example.com';
const LIMITS = imageLimits({});

/** Resolves every name to this machine, as a name does that its owner has turned against us. */
const toThisMachine: LookupFunction = (_hostname, _options, callback) =>
  callback(null, [{ address: '127.0.0.1', family: 4 }]);

describe('a remote image on a host that the operator allows', () => {
  let server: Server;
  let answer: RequestListener;
  const asked: string[] = [];
  const fetchers: ImageFetcher[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url!);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await Promise.all(fetchers.splice(0).map((fetcher) => fetcher.close()));
    asked.length = 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function measure(options: Partial<ImageFetcherOptions> = {}, host = HOST) {
    const fetcher = new ImageFetcher({
      hosts: new Set([HOST]),
      lookup: toThisMachine,
      isAllowed: () => true,
      timeoutMs: 300,
      ...options,
    });
    fetchers.push(fetcher);
    return fetcher.measure(new URL(`http://${host}:${(server.address() as AddressInfo).port}/a.png`), LIMITS);
  }

  const send =
    (bytes: Buffer, type = 'image/png'): RequestListener =>
    (_request, response) =>
      response.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);

  it('is measured by its head', async () => {
    answer = send(png(640, 480));
    expect(await measure()).toEqual({ width: 640, height: 480, isAnimated: false });
    answer = send(webp(64, 48), 'image/webp; charset=binary');
    expect(await measure()).toMatchObject({ width: 64 });
  });

  it('T25 is not asked for where its name leads to a private address', async () => {
    answer = send(png(640, 480));
    const fetcher = new ImageFetcher({ hosts: new Set([HOST]), lookup: toThisMachine, timeoutMs: 300 });
    fetchers.push(fetcher);
    const found = await fetcher.measure(new URL(`http://${HOST}:${(server.address() as AddressInfo).port}/`), LIMITS);
    expect(found).toEqual({ fault: 'must be an address of the public internet' });
    expect(asked).toEqual([]);
  });

  it.each<[string, RequestListener, string]>([
    ['it redirects', (_, response) => response.writeHead(302, { location: 'https://10.0.0.1/' }).end(), 'redirects'],
    ['it never comes', () => undefined, 'within 300 ms'],
    [
      'it comes in drops',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'image/png' });
        const drip = setInterval(() => response.write('x'), 50);
        response.on('close', () => clearInterval(drip));
      },
      'within 300 ms',
    ],
    ['it is not there', (_, response) => response.writeHead(404).end(), 'status 404'],
    ['it is a page', send(Buffer.from('<html>'), 'text/html'), 'must be one of'],
    ['it is a drawing', send(Buffer.from('<svg/>'), 'image/svg+xml'), 'must be one of'],
    ['it is something else than it says', send(Buffer.from('hello, world')), 'image/png'],
    ['it is too wide', send(png(30_000, 10)), 'at most 8000'],
    [
      'it is too large',
      (_, response) =>
        response.writeHead(200, { 'content-type': 'image/png', 'content-length': '99999999' }).flushHeaders(),
      '99999999 bytes',
    ],
    ['the connection breaks', (request) => request.socket.destroy(), 'could not be fetched'],
  ])('T25 is refused where %s', async (_name, listener, rule) => {
    answer = listener;
    expect(await measure()).toEqual({ fault: expect.stringContaining(rule) });
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  it('is one of the named hosts on the usual port, and no other', () => {
    const fetcher = new ImageFetcher({ hosts: new Set([HOST]) });
    fetchers.push(fetcher);
    const isAllowed = (url: string) => fetcher.isAllowed(new URL(url));
    expect(isAllowed(`https://${HOST}/a.png`)).toBe(true);
    expect(isAllowed(`https://${HOST}:8443/a.png`)).toBe(false);
    expect(isAllowed(`https://evil.${HOST}/a.png`)).toBe(false);
    expect(isAllowed('https://example.com/a.png')).toBe(false);
  });
});
