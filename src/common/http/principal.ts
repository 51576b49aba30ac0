import type { Role, Scope } from './route-markers.js';

/** Who makes the request, as the access guard found out. Attached to the raw request as `principal`. */
export interface Principal {
  userId: string;
  /** The `auth_grants` or `api_keys` id behind the token: what `reserve` checks under its lock. */
  accessId: string;
  clientId: string;
  scopes: ReadonlySet<Scope>;
  role: Role;
  isEmailVerified: boolean;
}
