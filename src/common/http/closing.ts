import type { Server } from 'node:http';
import { OverloadedError } from '../errors/common.errors.js';

/** How often a closing server looks for connections whose last answer has ended: Node closes only those that idle when it begins. */
const IDLE_LOOK_MS = 100;
/** A little less than a process has to end: who has not sent a request by then, or not read its answer, is not waited for. */
const CLOSE_MS_MAX = 26_000;
/** The same once nothing is left that is charged. Fastify gives a hook ten seconds. */
const LAST_ANSWERS_MS_MAX = 8_000;

const closings = new WeakMap<Server, Promise<void>>();

/**
 * From now on no connection and no request is taken: whoever balances load sees a closed port at once, and nobody is refused who could have
 * gone to another replica. What is being answered goes on; the promise resolves when its connections are closed. May be called again.
 */
export function stopAccepting(server: Server): Promise<void> {
  const closing = closings.get(server) ?? close(server);
  closings.set(server, closing);
  return closing;
}

/** The same, with less patience for those who are slow. */
export async function finishClosing(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS_MAX);
  await stopAccepting(server);
  clearTimeout(timer);
}

/** Why a request on a connection that is still open is not taken, or undefined. */
export function closingFault(server: Server): OverloadedError | undefined {
  return closings.has(server) ? goingDown() : undefined;
}

/** What a stopping process answers to what it does not begin, or does not end, any more. */
export function goingDown(): OverloadedError {
  return new OverloadedError('The server is going down. Try again shortly.', { headers: { 'retry-after': '1' } });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    const late = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(late);
      resolve();
    });
  });
}
