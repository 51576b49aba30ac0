import { etagOf } from '../../common/http/etag.js';
import type { User } from '../identity/user.entity.js';

/** Of what operators change; a sign-in of the user meanwhile takes no change back. */
export function etagOfUser({ email, displayName, role, status, deletedAt, erasedAt }: User): string {
  return etagOf([email, displayName ?? null, role, status, deletedAt ?? null, erasedAt ?? null]);
}
