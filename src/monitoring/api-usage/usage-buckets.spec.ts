import fc from 'fast-check';
import { endpointOf, NO_ROUTE, serviceOf } from './service-of-route.js';
import { UsageBuckets } from './usage-buckets.js';

const requests = fc.array(
  fc.record({
    method: fc.constantFrom('GET', 'POST'),
    endpoint: fc.constantFrom('/v1/models', '/admin/users'),
    userId: fc.option(fc.constantFrom('one', 'two')),
    atMs: fc.integer({ min: 0, max: 3 * 3_600_000 }),
  }),
);

describe('requests that are counted in memory', () => {
  it('are as many as came, however they are split, and each in its hour', () => {
    fc.assert(
      fc.property(requests, requests, (first, second) => {
        const [buckets, later] = [new UsageBuckets(), new UsageBuckets()];
        for (const request of first) buckets.at(request).requests += 1;
        for (const request of second) later.at(request).requests += 1;
        for (const bucket of later.list()) buckets.add(bucket);
        const all = [...first, ...second];
        expect(buckets.list().reduce((sum, bucket) => sum + bucket.requests, 0)).toBe(all.length);
        for (const { hourMs, requests: count, ...key } of buckets.list()) {
          const same = all.filter(
            ({ method, endpoint, userId, atMs }) =>
              method === key.method &&
              endpoint === key.endpoint &&
              userId === key.userId &&
              atMs - (atMs % 3_600_000) === hourMs,
          );
          expect(count).toBe(same.length);
        }
      }),
    );
  });

  it('lose the names of users, and no request, where there are too many', () => {
    const buckets = new UsageBuckets();
    for (let user = 0; user < 20_010; user += 1)
      buckets.at({ method: 'GET', endpoint: '/v1/models', userId: String(user), atMs: 0 }).requests += 1;
    expect(buckets.size).toBe(20_001);
    expect(buckets.list().at(-1)).toMatchObject({ userId: null, requests: 10 });
  });
});

describe('a request is counted as', () => {
  it.each([
    ['/v1/projects/:id', '/v1/projects/7', 200, '/v1/projects/:id', 'api'],
    ['/admin/users/:id', '/admin/users/7', 404, '/admin/users/:id', 'admin'],
    [undefined, '/oauth2/authorize/some-uid', 303, '/oauth2/authorize', 'sign-in'],
    [undefined, '/oauth2/guess-77', 404, NO_ROUTE, 'machine'],
    [undefined, '/.well-known/openid-configuration', 200, '/.well-known/openid-configuration', 'machine'],
    [undefined, '/wp-login.php', 404, NO_ROUTE, 'machine'],
    [undefined, '/guess', 401, NO_ROUTE, 'machine'],
    ['/interaction/:uid', '/interaction/7', 200, '/interaction/:uid', 'sign-in'],
  ])('%s, called as %s with %i: %s of %s', (...[pattern, path, status, endpoint, service]) => {
    expect(endpointOf(pattern, path, status)).toBe(endpoint);
    expect(serviceOf(endpoint)).toBe(service);
  });
});
