import { createHmac } from 'node:crypto';

export interface SignedMessage {
  /** The same for every attempt, so that a receiver can tell a repeat. */
  id: string;
  /** When it is sent. Receivers refuse what is old. */
  at: Date;
  body: string;
}

/** The headers of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and body, under the secret behind `whsec_`. */
export function signatureHeaders(secret: string, { id, at, body }: SignedMessage): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
