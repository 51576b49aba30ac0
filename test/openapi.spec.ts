import { readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { Logger as PinoLogger } from 'nestjs-pino';
import { Config } from '../src/config/config.js';
import { API_DESCRIPTION_FILE, describeApi } from '../src/openapi.js';
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

  // Seen failing: the answer to feedback was described as the receipt of a call.
  it('describes no two things under one name', () => {
    const warnings: string[] = [];
    Logger.overrideLogger({
      log: () => undefined,
      error: () => undefined,
      warn: (text: string) => warnings.push(text),
    });
    describeApi(server.app, server.app.get(Config));
    Logger.overrideLogger(server.app.get(PinoLogger));
    expect(warnings).toEqual([]);
  });

  it('is kept in docs/openapi.json as it is now', () => {
    const kept = JSON.parse(readFileSync(API_DESCRIPTION_FILE, 'utf8')) as Record<string, unknown>;
    const served = { ...document, servers: kept['servers'] };
    const differing = Object.keys(served.paths).filter(
      (path) => JSON.stringify(served.paths[path]) !== JSON.stringify((kept['paths'] as ApiDocument['paths'])[path]),
    );
    const isCurrent = JSON.stringify(served) === JSON.stringify(kept);
    const told = isCurrent ? 'current' : `docs/openapi.json is old: run \`npm run openapi\` (${differing.join(', ')})`;
    expect(told).toBe('current');
  });

  it('gives every error a body that can be read', () => {
    const responses = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).flatMap((operation) => Object.entries(operation.responses)),
    );
    const failures = responses.filter(([status]) => Number(status) >= 400);
    expect(failures.length).toBeGreaterThan(200);
    expect(failures.filter(([, response]) => !(response as { content?: object }).content)).toEqual([]);
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
