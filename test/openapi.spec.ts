import { startTestApp, type TestApp } from './support/test-app.js';

interface Operation {
  summary?: string;
  responses: Record<string, unknown>;
  security?: unknown[];
}
interface ApiDocument {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

describe('the API description', () => {
  let server: TestApp;
  let document: ApiDocument;
  beforeAll(async () => {
    server = await startTestApp();
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDocument;
  });
  afterAll(() => server.close());

  it('is OpenAPI 3.1 and has a reader', async () => {
    expect(document.openapi).toMatch(/^3\.1/);
    const page = await fetch(`${server.url}/docs/`);
    expect(page.status).toBe(200);
    const text = await page.text();
    expect(text).toContain('/openapi.json');
    const script = await fetch(new URL(/src="([^"]+\.js)"/.exec(text)![1]!, page.url));
    expect(script.headers.get('content-type')).toMatch(/javascript/);
    expect((await script.text()).length).toBeGreaterThan(1_000_000);
    expect((await fetch(`${server.url}/docs/nothing`)).status).toBe(404);
  });

  it('gives every route a summary, its answers and, unless it is public, its security', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    );
    expect(operations.length).toBeGreaterThan(1);
    const incomplete = operations.filter((operation) => {
      const isPublic = /^get \/(health|\.well-known)\/|^\w+ \/v1\/app\//.test(operation.name);
      const answers = Object.keys(operation.responses);
      const hasFailure = answers.some((status) => Number(status) >= 400);
      return (
        !operation.summary ||
        !answers.some((status) => Number(status) < 400) ||
        (!isPublic && (!hasFailure || !operation.security?.length))
      );
    });
    expect(incomplete.map((operation) => operation.name)).toEqual([]);
  });
});
