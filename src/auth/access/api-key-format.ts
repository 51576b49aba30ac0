import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every key begins with: enough for a person, a secret scanner or this server to tell what it is. */
const MARK = 'tg_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 238 bits that nobody guesses, so that a plain hash of a key is as good as the key is secret. */
const SECRET_LENGTH = 40;
/** A CRC-32 in this alphabet. It finds typing errors and proves nothing. */
const CHECKSUM_LENGTH = 6;
/** What lists show of a key: 36 bits of it, which tell one's keys apart and help nobody to guess the rest. */
const PREFIX_LENGTH = MARK.length + 6;

const SHAPE = new RegExp(`^${MARK}([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`);

/** A new API key: `tg_`, 40 random letters and digits, and their checksum. */
export function newApiKey(): string {
  const secret = Array.from({ length: SECRET_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${MARK}${secret}${checksumOf(secret)}`;
}

/** Whether a credential is meant as an API key, well-formed or not. */
export function looksLikeApiKey(credential: string): boolean {
  return credential.startsWith(MARK);
}

/** Whether a key can be one of ours at all: one that was cut off or mistyped is known without asking the database. */
export function isWellFormed(key: string): boolean {
  const [, secret, checksum] = SHAPE.exec(key) ?? [];
  return secret !== undefined && checksum === checksumOf(secret);
}

export function prefixOf(key: string): string {
  return key.slice(0, PREFIX_LENGTH);
}

/** All that is stored of a key beside its prefix. */
export function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function checksumOf(secret: string): string {
  let rest = crc32(secret);
  let text = '';
  for (let place = 0; place < CHECKSUM_LENGTH; place += 1) {
    text = `${ALPHABET[rest % ALPHABET.length]}${text}`;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
