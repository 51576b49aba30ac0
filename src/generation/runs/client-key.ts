import type { InferenceHttpRequest } from '../../inference/admitted-chat.js';
import { requestHash } from '../../inference/idempotency/request-hash.js';

/** A client's own key, with a digest of what it came with. */
export interface ClientKey {
  value: string;
  requestHash: Buffer;
}

/** The `Idempotency-Key` of a request to `route`, as a member of what is asked for; nothing where none was sent. */
export function clientKeyOf(route: string, { idempotencyKey: value, body }: InferenceHttpRequest): { key?: ClientKey } {
  return value === undefined ? {} : { key: { value, requestHash: requestHash(route, body) } };
}
