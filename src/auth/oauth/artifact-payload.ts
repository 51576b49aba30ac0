import { createHash } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import type { Sealer } from '../sealer.js';

/** The primary key of an artifact. */
export interface ArtifactKey {
  type: string;
  idHash: Buffer;
}

/** Ids are bearer values: whoever reads the table must not be able to use them. They are 256 random bits, so a plain hash is enough. */
export function hashId(id: string): Buffer {
  return createHash('sha256').update(id).digest();
}

/** Members of a payload that hold the id of another artifact, or of this one, and are needed again as they were. */
interface SecretMembers {
  jti?: string;
  deviceCode?: string;
  userCode?: string;
  parJti?: string;
  sessionCookie?: string;
  /** Ends with the interaction's own id. */
  returnTo?: string;
}

/** These are also found by something else than their id, so the id must be readable again. */
const FOUND_WITHOUT_ID = new Set(['Session', 'DeviceCode']);

interface StoredPayload extends Record<string, unknown> {
  sealed?: string;
}

/** Kept in the result of an interaction that is not at its end; the provider takes no account from it. */
export const FIRST_FACTOR = 'first_factor';

/** Whose an artifact is, and of a sign-in under way: who has shown a password there, or is signed in in its browser. */
export function accountOf(payload: AdapterPayload): string | null {
  const { accountId, session } = payload;
  const { login, [FIRST_FACTOR]: first } = (payload['result'] ?? {}) as {
    login?: { accountId?: string };
    [FIRST_FACTOR]?: { userId?: string };
  };
  return (
    accountId ?? login?.accountId ?? first?.userId ?? (session as { accountId?: string } | undefined)?.accountId ?? null
  );
}

/** The payload without any value that works as a credential; what the provider needs back is sealed in it. */
export function packPayload(key: ArtifactKey, payload: AdapterPayload, sealer: Sealer): StoredPayload {
  const { jti, deviceCode, userCode, parJti, returnTo, session, ...rest } = payload as AdapterPayload & {
    session?: { cookie?: string };
  };
  const secrets: SecretMembers = {
    ...(jti && FOUND_WITHOUT_ID.has(key.type) ? { jti } : {}),
    ...(deviceCode ? { deviceCode } : {}),
    ...(userCode ? { userCode } : {}),
    ...(typeof parJti === 'string' ? { parJti } : {}),
    ...(typeof returnTo === 'string' ? { returnTo } : {}),
    ...(session?.cookie ? { sessionCookie: session.cookie } : {}),
  };
  const stored: StoredPayload = { ...rest };
  if (session) {
    const { cookie: _, ...withoutCookie } = session;
    stored['session'] = withoutCookie;
  }
  if (Object.keys(secrets).length > 0) {
    stored.sealed = sealer.seal(JSON.stringify(secrets), sealingContext(key)).toString('base64url');
  }
  return stored;
}

/** The payload as the provider saved it. `id` is what it was looked up with, if it was looked up by id. */
export function unpackPayload(key: ArtifactKey, stored: StoredPayload, sealer: Sealer, id?: string): AdapterPayload {
  const { sealed, ...payload } = stored;
  const secrets: SecretMembers = sealed
    ? (JSON.parse(sealer.open(Buffer.from(sealed, 'base64url'), sealingContext(key))) as SecretMembers)
    : {};
  const { sessionCookie, ...members } = secrets;
  const session = payload['session'] as object | undefined;
  return {
    ...payload,
    ...members,
    ...(id === undefined ? {} : { jti: id }),
    ...(session ? { session: { ...session, ...(sessionCookie ? { cookie: sessionCookie } : {}) } } : {}),
  } as AdapterPayload;
}

function sealingContext(key: ArtifactKey): string {
  return `oidc_artifacts:${key.type}:${key.idHash.toString('hex')}`;
}
