import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher } from 'undici';
import { type OpenAnswer, openAnswer } from '../../src/inference/providers/open-answer.js';
import { RequestStop } from '../../src/inference/providers/request-stop.js';

const PART = Buffer.alloc(64 * 1_024, 0x61);

describe('an answer that is read as it comes', () => {
  let server: Server;
  let dispatcher: Agent;
  let answer: (response: ServerResponse) => void;
  let connections: number;

  beforeEach(async () => {
    connections = 0;
    server = createServer((_request, response) => answer(response));
    server.on('connection', () => (connections += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    dispatcher = new Agent({ connections: 1 });
  });
  afterEach(async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function ask(signal = new AbortController().signal): Promise<OpenAnswer> {
    const { port } = server.address() as AddressInfo;
    return openAnswer(dispatcher, { origin: `http://127.0.0.1:${port}`, path: '/', method: 'POST' }, signal);
  }

  async function textOf({ body }: OpenAnswer): Promise<string> {
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  it('has the head before the body, all of it in order, and none of what came before it', async () => {
    let finish = (): void => undefined;
    answer = (response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeHead(207, { 'x-request-id': 'req-1' });
      response.write('one, ');
      finish = () => response.end('two');
    };
    const opened = await ask();
    expect(opened).toMatchObject({ statusCode: 207, headers: { 'x-request-id': 'req-1' } });
    expect((await opened.body.next()).value?.toString()).toBe('one, ');
    finish();
    expect(await textOf(opened)).toBe('two');
  });

  it('lets the provider wait while nobody reads, and takes all of it afterwards', async () => {
    const parts = 400;
    let written = 0;
    answer = (response) => {
      const write = (): void => {
        while (written < parts) {
          written += 1;
          if (!response.write(PART)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    };
    const opened = await ask();
    await sleep(300);
    // What the two systems buffer between them is a few megabytes; without a pause all 25 would be here.
    expect(written).toBeLessThan(parts / 2);
    expect((await textOf(opened)).length).toBe(parts * PART.length);
    expect(written).toBe(parts);
  });

  it('keeps the connection for the next request where little follows what was wanted', async () => {
    answer = (response) => {
      response.write('data: [DONE]\n\n');
      setTimeout(() => response.end(': bye\n\n'), 20);
    };
    const opened = await ask();
    await opened.body.next();
    opened.body.leave(1_024);
    await textOf(await ask());
    expect(connections).toBe(1);
  });

  it('gives the connection up where more follows, or nothing is wanted any more', async () => {
    const closed: Promise<unknown>[] = [];
    answer = (response) => {
      closed.push(new Promise((resolve) => response.once('close', resolve)));
      response.write('data: [DONE]\n\n');
      setTimeout(() => response.write(PART), 20);
    };
    const first = await ask();
    await first.body.next();
    first.body.leave(1_024);
    const second = await ask();
    second.body.leave();
    await Promise.all(closed);
    expect(connections).toBe(2);
  });

  it('gives the connection up where the provider has said its last and does not end', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    answer = (response) => {
      closed = new Promise((resolve) => response.once('close', resolve));
      response.write('data: [DONE]\n\n');
    };
    const { body } = await ask();
    await body.next();
    body.leave(1_024);
    await closed;
    answer = (response) => response.end();
    await textOf(await ask());
    expect(connections).toBe(2);
  });

  it('tells that a connection broke, after what had arrived', async () => {
    answer = (response) => {
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    };
    const { body } = await ask();
    await sleep(100);
    expect((await body.next()).value?.toString()).toBe('half');
    await expect(body.next()).rejects.toThrow('the provider broke its answer off');
  });

  it('ends with what its signal was aborted with, before the head and after it', async () => {
    const reason = new Error('enough');
    answer = () => undefined;
    const early = new AbortController();
    const pending = ask(early.signal);
    setTimeout(() => early.abort(reason), 20);
    await expect(pending).rejects.toBe(reason);

    answer = (response) => response.write('half');
    const late = new AbortController();
    const { body } = await ask(late.signal);
    await body.next();
    setTimeout(() => late.abort(reason), 20);
    await expect(body.next()).rejects.toBe(reason);
  });

  it('is stopped where it was sent last, and leaves nothing with its signal', () => {
    const aborted: string[] = [];
    const sentOn = (connection: string) =>
      ({ abort: () => aborted.push(connection) }) as unknown as Dispatcher.DispatchController;
    const controller = new AbortController();
    const stop = new RequestStop(controller.signal);
    stop.begin(sentOn('one that goes away'));
    stop.begin(sentOn('another'));
    controller.abort();
    expect(aborted).toEqual(['another']);
  });
});
