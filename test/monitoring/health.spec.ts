import { poolStateOf } from '../../src/database/pool-state.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { until } from '../support/until.js';

describe('a started server', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp();
  });
  afterAll(() => server.close());

  it('says that it lives and is ready', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const response = await fetch(server.url + path);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('answers an unknown route with problem+json', async () => {
    const response = await fetch(`${server.url}/nowhere`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'not_found', status: 404 });
  });
});

// Asked on the pool, it said 503 after as long as a request waits for a connection: a load balancer takes such a replica for a dead one, and sends
// its requests to the others until they are as busy.
describe('a server whose database connections are all in use', () => {
  it('is ready', async () => {
    const server = await startTestApp({ env: { DATABASE_POOL_SIZE: '2', DATABASE_POOL_TIMEOUT: '1000' } });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    try {
      const busy = Array.from({ length: 2 }, () =>
        server.orm.em.fork().transactional(async (em) => {
          await em.execute('select 1');
          await released;
        }),
      );
      await until(async () => (await poolStateOf(server.orm)).used === 2);
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
      release();
      await Promise.all(busy);
    } finally {
      release();
      await server.close();
    }
  });
});
