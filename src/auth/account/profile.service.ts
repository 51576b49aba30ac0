import { Injectable } from '@nestjs/common';
import { UserNotFoundError } from '../auth.errors.js';
import type { User } from '../identity/user.entity.js';
import { UserRepository, type UserPage } from '../identity/user.repository.js';

/** Who people are. */
@Injectable()
export class ProfileService {
  constructor(private readonly users: UserRepository) {}

  /** @throws UserNotFoundError when the user was deleted a moment ago */
  async of(userId: string): Promise<User> {
    const user = await this.users.findById(userId);
    if (!user) throw new UserNotFoundError(userId);
    return user;
  }

  /** The user with the new name; undefined leaves the old one. @throws UserNotFoundError */
  async rename(userId: string, displayName: string | null | undefined): Promise<User> {
    if (displayName !== undefined) await this.users.rename(userId, displayName?.trim() || null);
    return this.of(userId);
  }

  /** Newest first, with the id that the next page starts after. */
  async page(page: UserPage): Promise<{ users: User[]; next: string | null }> {
    const found = await this.users.findPage(page);
    const users = found.slice(0, page.limit);
    return { users, next: found.length > page.limit ? (users.at(-1)?.id ?? null) : null };
  }
}
