import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PATH = '/callback';

export interface Loopback {
  /** A port that was free; the server takes any on a loopback address (RFC 8252 section 7.3). */
  redirectUri: string;
  /** The address that the browser came back with. */
  callback: Promise<URL>;
  /** Tells the person in the browser how it ended. */
  answer(text: string): Promise<void>;
  close(): void;
}

/**
 * Waits on 127.0.0.1 for the browser to come back from the sign-in that `state` names. Anything else that knocks, e.g. another program on
 * this computer that guesses ports, is sent away and does not end the wait.
 */
export async function listenOnLoopback(state: string): Promise<Loopback> {
  const { promise: callback, resolve: receive } = Promise.withResolvers<URL>();
  let waiting: ServerResponse | null = null;
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '', redirectUri);
    if (request.method !== 'GET' || url?.pathname !== PATH || url.searchParams.get('state') !== state || waiting) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    waiting = response;
    receive(url);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
  return {
    redirectUri,
    callback,
    answer: async (text) => {
      const { promise: isSent, resolve } = Promise.withResolvers<void>();
      if (!waiting) return;
      waiting.once('close', resolve);
      waiting.writeHead(200, PAGE_HEADERS).end(page(text));
      await isSent;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The address of the page holds the code: nothing on it may pass that on. */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  connection: 'close',
};

function page(text: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tollgate</title><h1>${text}</h1><p>You can close this page.</p></html>`;
}
