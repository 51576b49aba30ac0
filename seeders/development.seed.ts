import type { INestApplicationContext } from '@nestjs/common';

/** An account that the development seed has just made; its password is shown once and stored nowhere. */
export interface DevelopmentAccount {
  email: string;
  password: string;
  description: string;
}

/** `demo@example.com` on plan pro and the operator `admin@example.com`. Returns those that were new. */
export async function seedDevelopment(_app: INestApplicationContext): Promise<DevelopmentAccount[]> {
  return [];
}
