import { Injectable } from '@nestjs/common';
import { UserAdminService } from './user-admin.service.js';

export interface DevelopmentUser {
  email: string;
  userId: string;
  /** Null when the user was there before; a password cannot be shown twice. */
  password: string | null;
}

/** The two people of the development seed: a customer and an operator. */
@Injectable()
export class DevelopmentUsers {
  constructor(private readonly admin: UserAdminService) {}

  async ensure(): Promise<{ demo: DevelopmentUser; admin: DevelopmentUser }> {
    const demo = { email: 'demo@example.com', role: 'user', displayName: 'Demo User' } as const;
    const admin = { email: 'admin@example.com', role: 'admin', displayName: 'Operator' } as const;
    return {
      demo: { email: demo.email, ...(await this.admin.ensureVerifiedUser(demo)) },
      admin: { email: admin.email, ...(await this.admin.ensureVerifiedUser(admin)) },
    };
  }
}
