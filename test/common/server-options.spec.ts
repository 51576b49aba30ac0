import { fastify } from 'fastify';
import { serverOptions } from '../../src/common/http/server-options.js';

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
