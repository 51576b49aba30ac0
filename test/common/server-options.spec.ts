import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { fastify } from 'fastify';
import { serverOptions } from '../../src/common/http/server-options.js';

describe('a request that does not come to its end', () => {
  it.each([
    ['in its headers', 'POST / HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    ['in its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nsl'],
  ])('%s is answered 408 after its time, and its connection closed', async (_name, beginning) => {
    const options = serverOptions(false);
    const http = { ...(options as { http: object }).http, headersTimeout: 300, connectionsCheckingInterval: 50 };
    const server = fastify({ ...options, http, requestTimeout: 300 } as typeof options);
    server.post('/', () => 'never');
    await server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1', () => socket.write(beginning));
    const drip = setInterval(() => socket.write('o'), 50);
    let seen = '';
    socket.on('data', (bytes: Buffer) => (seen += bytes.toString())).on('error', () => undefined);
    await once(socket, 'close');
    clearInterval(drip);
    expect(seen).toMatch(/^HTTP\/1\.1 408 /);
    expect(seen).toContain('"code":"request_timeout"');
    await server.close();
  });
});

describe('the address of a client', () => {
  async function addressSeen(isProduction: boolean, peer: string, forwardedFor: string): Promise<string> {
    const server = fastify(serverOptions(isProduction));
    server.get('/', (request) => ({ ip: request.ip }));
    const headers = { 'x-forwarded-for': forwardedFor };
    const answer = await server.inject({ url: '/', remoteAddress: peer, headers });
    await server.close();
    return answer.json<{ ip: string }>().ip;
  }

  it.each(['127.0.0.1', '::1', '10.0.0.5', '172.18.0.2', '192.168.1.1', '169.254.1.1', 'fd00::5'])(
    'in production is what a load balancer at %s says',
    async (peer) => expect(await addressSeen(true, peer, '203.0.113.9')).toBe('203.0.113.9'),
  );

  it('in production is the peer itself when that is on the internet, whatever it claims', async () => {
    expect(await addressSeen(true, '198.51.100.7', '203.0.113.9')).toBe('198.51.100.7');
  });

  it('in production is what the load balancer saw, not what the client put before it', async () => {
    expect(await addressSeen(true, '10.0.0.5', '1.2.3.4, 203.0.113.9')).toBe('203.0.113.9');
  });

  it('in development is the peer: nothing stands in front', async () => {
    expect(await addressSeen(false, '127.0.0.1', '203.0.113.9')).toBe('127.0.0.1');
  });
});
