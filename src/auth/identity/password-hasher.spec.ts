import type { Config } from '../../config/config.js';
import { PasswordQueueFullError } from '../auth.errors.js';
import { PasswordHasher } from './password-hasher.js';

const hasherFor = (nodeEnv: Config['nodeEnv']): PasswordHasher => new PasswordHasher({ nodeEnv } as Config);

describe('the password hasher', () => {
  const hasher = hasherFor('test');

  it('knows a password again, exactly as it was typed', async () => {
    const password = ` Pässword with spaces ${'x'.repeat(200)} `;
    const hash = await hasher.hash(password);
    expect(hash).toMatch(/^\$argon2id\$/);
    expect(await hasher.verify(hash, password)).toBe(true);
    expect(await hasher.verify(hash, password.trim())).toBe(false);
    expect(await hasher.verify(hash, password.normalize('NFD'))).toBe(false);
    expect(await hasher.verify(hash, password.slice(0, -2))).toBe(false);
  });

  it('never accepts a password where there is none', async () => {
    expect(await hasher.verify(null, '')).toBe(false);
    expect(await hasher.verify(null, 'a password nobody has')).toBe(false);
  });

  it('uses parameters above the floor outside tests and sees when a hash has older ones', async () => {
    const production = hasherFor('production');
    const hash = await production.hash('password');
    expect(hash).toContain('$m=65536,t=3,p=1$');
    expect(production.isOutdated(hash)).toBe(false);
    expect(production.isOutdated(await hasher.hash('password'))).toBe(true);
  });

  it('refuses work beyond its queue and does all the rest', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => hasher.hash('password')));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(100 - 4 - 64);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(PasswordQueueFullError);
    await expect(hasher.hash('password')).resolves.toBeTruthy();
  });
});
