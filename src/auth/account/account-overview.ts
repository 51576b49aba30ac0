import { Injectable } from '@nestjs/common';
import { Passkeys } from '../identity/factors/passkeys.service.js';
import { UpstreamAccounts } from '../identity/upstream/upstream-accounts.service.js';
import { UpstreamIssuers } from '../identity/upstream/upstream-issuers.js';
import { UserRepository } from '../identity/user.repository.js';
import { accountPage, type News } from './account-pages.js';
import type { Visitor } from './account-visits.js';

/** The first page of the account, with all that it shows. */
@Injectable()
export class AccountOverview {
  constructor(
    private readonly users: UserRepository,
    private readonly passkeys: Passkeys,
    private readonly accounts: UpstreamAccounts,
    private readonly issuers: UpstreamIssuers,
  ) {}

  async page(visitor: Visitor, news: News = {}): Promise<string> {
    const userId = visitor.user.id;
    const [hasPassword, passkeys, identities] = await Promise.all([
      this.users.hasPassword(userId),
      this.passkeys.list(userId),
      this.accounts.list(userId),
    ]);
    return accountPage(visitor, { hasPassword, passkeys, identities, issuers: this.issuers.list() }, news);
  }
}
