import type { INestApplicationContext } from '@nestjs/common';
import type { Scope } from '../../src/common/http/route-markers.js';
import { CliTokenService } from '../../src/auth/oauth/cli-token.service.js';
import { UserRepository } from '../../src/auth/identity/user.repository.js';
import type { User } from '../../src/auth/identity/user.entity.js';
import { PasswordHasher } from '../../src/auth/identity/password-hasher.js';

export interface TokenRequest {
  /** Whose token; such a user is made when there is none. */
  email: string;
  scopes: readonly Scope[];
  role?: User['role'];
  lifetimeSeconds?: number;
}

/** An access token for the user, made as the command line makes it. */
export async function issueToken(app: INestApplicationContext, request: TokenRequest): Promise<string> {
  await ensureUser(app, { email: request.email, role: request.role ?? 'user' });
  return app.get(CliTokenService).issue(request);
}

export interface TestUser {
  email: string;
  role?: User['role'];
  password?: string;
  isVerified?: boolean;
}

/** The id of the user, who is made when there is none. */
export async function ensureUser(app: INestApplicationContext, user: TestUser): Promise<string> {
  const users = app.get(UserRepository);
  const existing = await users.findByEmail(user.email);
  if (existing) return existing.id;
  const id = await users.add({
    email: user.email,
    passwordHash: user.password === undefined ? null : await app.get(PasswordHasher).hash(user.password),
    displayName: null,
    role: user.role ?? 'user',
    isEmailVerified: user.isVerified ?? true,
  });
  return id ?? ensureUser(app, user);
}
