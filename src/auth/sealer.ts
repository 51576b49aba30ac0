import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';

const FORMAT = 1;
const KEY_ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + IV_BYTES + TAG_BYTES;

/**
 * Seals secrets that must be read again, with AES-256-GCM under the key encryption key. The context is authenticated, so that a
 * ciphertext moved to another row does not open. Layout: format, key id, IV, tag, ciphertext.
 */
@Injectable()
export class Sealer {
  private readonly key: Buffer;
  private readonly keyId: Buffer;

  constructor(config: Config) {
    this.key = config.keyEncryptionKey;
    this.keyId = createHash('sha256').update(this.key).digest().subarray(0, KEY_ID_BYTES);
  }

  /** @param context What the secret belongs to, such as a table and a row id; needed to open it again. */
  seal(secret: string, context: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(Buffer.from(context));
    const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from([FORMAT]), this.keyId, iv, cipher.getAuthTag(), ciphertext]);
  }

  /** @throws Error when the secret was sealed with another key or for another context, or was changed. */
  open(sealed: Uint8Array, context: string): string {
    const bytes = Buffer.from(sealed);
    if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT)
      throw new Error(`the sealed secret of ${context} is damaged`);
    if (!bytes.subarray(1, 1 + KEY_ID_BYTES).equals(this.keyId)) {
      throw new Error(`the secret of ${context} was sealed with another KEY_ENCRYPTION_KEY`);
    }
    const iv = bytes.subarray(1 + KEY_ID_BYTES, 1 + KEY_ID_BYTES + IV_BYTES);
    const tag = bytes.subarray(HEADER_BYTES - TAG_BYTES, HEADER_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.key, iv, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES)), decipher.final()]).toString('utf8');
  }
}
