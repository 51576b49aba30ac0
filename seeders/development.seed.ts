import type { INestApplicationContext } from '@nestjs/common';
import { Clock } from '../src/common/clock.js';
import { SubscriptionService } from '../src/subscription/subscription.service.js';
import { DevelopmentUsers } from '../src/auth/identity/development-users.js';

/** An account that the development seed has just made; its password is shown once and stored nowhere. */
export interface DevelopmentAccount {
  email: string;
  password: string;
  description: string;
}

/** `demo@example.com` on plan pro and the operator `admin@example.com`. Returns those that were new. */
export async function seedDevelopment(app: INestApplicationContext): Promise<DevelopmentAccount[]> {
  const { demo, admin } = await app.get(DevelopmentUsers).ensure();
  const isNew = demo.password !== null;
  if (isNew)
    await app
      .get(SubscriptionService)
      .startPlan(demo.userId, 'pro', { actorId: null, reason: 'the demo user', isTrial: false }, app.get(Clock).now());
  return [
    { ...demo, description: 'a user on plan pro' },
    { ...admin, description: 'an operator' },
  ].flatMap(({ email, password, description }) => (password === null ? [] : [{ email, password, description }]));
}
