import type { INestApplicationContext } from '@nestjs/common';
import { type OperatorCause, UserOperations } from '../../src/auth/admin/user-operations.service.js';
import { newId } from '../../src/common/ids.js';
import { ensureUser } from '../support/tokens.js';

/** Suspends a user as the console does. */
export async function suspend(app: INestApplicationContext, userId: string): Promise<void> {
  await app.get(UserOperations).suspend(userId, await causeOf(app));
}

/** Lifts a suspension as the console does. */
export async function reinstate(app: INestApplicationContext, userId: string): Promise<void> {
  await app.get(UserOperations).reinstate(userId, await causeOf(app));
}

async function causeOf(app: INestApplicationContext): Promise<OperatorCause> {
  const actorId = await ensureUser(app, { email: 'console@ops.example', role: 'admin' });
  return { actorId, ip: '127.0.0.1', requestId: newId(), ifMatch: '*', reason: 'For a test' };
}
