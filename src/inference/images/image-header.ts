import type { IMAGE_TYPES } from '../../models/domain/image-limits.js';

/** What a file's header tells of its image, without a pixel decoded. */
export interface ImageFacts {
  width: number;
  height: number;
  /** More than one picture: how many a provider looks at is its own affair. */
  isAnimated: boolean;
}

/** A file that cannot be read, and why, in words for the caller. */
export interface ImageFault {
  fault: string;
}

export type ImageType = (typeof IMAGE_TYPES)[number];

/** Segments of one file. A real one has dozens; a hostile one would have the thread walk through millions. */
const SEGMENTS_MAX = 20_000;

/** What reading past the end is called. */
const OUT_OF_BYTES = new Set<unknown>(['ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS']);

const CUT_OFF: ImageFault = { fault: 'is cut off before its size' };
const NO_SIZE: ImageFault = { fault: 'tells no size' };

/**
 * The size of an image from its header. Where a file states several sizes, as one does that lies, the largest of each side counts, so that
 * no hold is too small. A file that is cut off after its size is taken: its provider may read what there is.
 */
export function readImageHeader(bytes: Buffer, type: ImageType): ImageFacts | ImageFault {
  const read = READERS[type];
  try {
    const facts = read(bytes);
    if ('fault' in facts) return facts;
    return facts.width > 0 && facts.height > 0 ? facts : { fault: 'has a side of 0 pixels' };
  } catch (error) {
    if (OUT_OF_BYTES.has((error as { code?: unknown }).code)) return CUT_OFF;
    throw error;
  }
}

const READERS: Readonly<Record<ImageType, (bytes: Buffer) => ImageFacts | ImageFault>> = {
  'image/png': readPng,
  'image/jpeg': readJpeg,
  'image/webp': readWebp,
  'image/gif': readGif,
};

function notOfType(type: ImageType): ImageFault {
  return { fault: `does not hold an image of the type ${type}` };
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function readPng(bytes: Buffer): ImageFacts | ImageFault {
  if (!bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return notOfType('image/png');
  if (bytes.toString('latin1', 12, 16) !== 'IHDR') return bytes.length < 16 ? CUT_OFF : notOfType('image/png');
  const facts = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), isAnimated: false };
  let at = 33;
  for (let chunk = 0; chunk < SEGMENTS_MAX && at + 8 <= bytes.length; chunk++) {
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (name === 'acTL') return { ...facts, isAnimated: true };
    if (name === 'IDAT') break;
    at += 12 + bytes.readUInt32BE(at);
  }
  return facts;
}

const JPEG_SCAN = 0xda;
const JPEG_END = 0xd9;
/** Frame headers are C0 to CF but for the three that define tables. */
const JPEG_TABLES = [0xc4, 0xc8, 0xcc];

function readJpeg(bytes: Buffer): ImageFacts | ImageFault {
  if (bytes.length < 3 || bytes.readUIntBE(0, 3) !== 0xffd8ff) return notOfType('image/jpeg');
  const facts = { width: 0, height: 0, isAnimated: false };
  let at = 2;
  for (let segment = 0; segment < SEGMENTS_MAX; segment++) {
    if (at + 4 > bytes.length) break;
    if (bytes.readUInt8(at) !== 0xff) return facts.width > 0 ? facts : notOfType('image/jpeg');
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === JPEG_SCAN || marker === JPEG_END) return facts.width > 0 || facts.height > 0 ? facts : NO_SIZE;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && !JPEG_TABLES.includes(marker)) {
      facts.height = Math.max(facts.height, bytes.readUInt16BE(at + 5));
      facts.width = Math.max(facts.width, bytes.readUInt16BE(at + 7));
    }
    at += 2 + Math.max(2, bytes.readUInt16BE(at + 2));
  }
  return facts.width > 0 ? facts : CUT_OFF;
}

const WEBP_ANIMATION = 0x02;

function readWebp(bytes: Buffer): ImageFacts | ImageFault {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WEBP') {
    return notOfType('image/webp');
  }
  const facts = { width: 0, height: 0, isAnimated: false };
  let at = 12;
  for (let chunk = 0; chunk < SEGMENTS_MAX && at + 8 <= bytes.length; chunk++) {
    const size = webpSize(bytes, at);
    if (size === NO_SIZE) return notOfType('image/webp');
    if (size && !('fault' in size)) {
      facts.width = Math.max(facts.width, size.width);
      facts.height = Math.max(facts.height, size.height);
      facts.isAnimated ||= size.isAnimated;
      if (size.isPicture || facts.isAnimated) return facts;
    }
    const length = bytes.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return facts.width > 0 ? facts : CUT_OFF;
}

type WebpSize = ImageFacts & { isPicture: boolean };

/** The size that one chunk states, null where it states none. */
function webpSize(bytes: Buffer, at: number): WebpSize | ImageFault | null {
  const body = at + 8;
  switch (bytes.toString('latin1', at, at + 4)) {
    case 'VP8X':
      return {
        width: 1 + bytes.readUIntLE(body + 4, 3),
        height: 1 + bytes.readUIntLE(body + 7, 3),
        isAnimated: (bytes.readUInt8(body) & WEBP_ANIMATION) !== 0,
        isPicture: false,
      };
    case 'VP8 ':
      if (bytes.readUIntBE(body + 3, 3) !== 0x9d012a) return NO_SIZE;
      return {
        width: bytes.readUInt16LE(body + 6) & 0x3fff,
        height: bytes.readUInt16LE(body + 8) & 0x3fff,
        isAnimated: false,
        isPicture: true,
      };
    case 'VP8L': {
      if (bytes.readUInt8(body) !== 0x2f) return NO_SIZE;
      const bits = bytes.readUInt32LE(body + 1);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), isAnimated: false, isPicture: true };
    }
    default:
      return null;
  }
}

const GIF_EXTENSION = 0x21;
const GIF_FRAME = 0x2c;

function readGif(bytes: Buffer): ImageFacts | ImageFault {
  if (!/^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) return notOfType('image/gif');
  const facts = { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8), isAnimated: false };
  let at = 13 + colourTableLength(bytes.readUInt8(10));
  let frames = 0;
  for (let block = 0; block < SEGMENTS_MAX && at < bytes.length; block++) {
    const kind = bytes.readUInt8(at);
    if (kind === GIF_EXTENSION) at = endOfBlocks(bytes, at + 2);
    else if (kind === GIF_FRAME && at + 10 <= bytes.length) {
      frames += 1;
      facts.width = Math.max(facts.width, bytes.readUInt16LE(at + 1) + bytes.readUInt16LE(at + 5));
      facts.height = Math.max(facts.height, bytes.readUInt16LE(at + 3) + bytes.readUInt16LE(at + 7));
      if (frames > 1) return { ...facts, isAnimated: true };
      at = endOfBlocks(bytes, at + 11 + colourTableLength(bytes.readUInt8(at + 9)));
    } else break;
  }
  return facts;
}

/** Where the sub-blocks that begin at `at` end: each has its length before it, and one of no length is the last. */
function endOfBlocks(bytes: Buffer, at: number): number {
  let end = at;
  while (end < bytes.length && bytes[end] !== 0) end += 1 + (bytes[end] ?? 0);
  return end + 1;
}

function colourTableLength(flags: number): number {
  return flags & 0x80 ? 3 << ((flags & 0x07) + 1) : 0;
}
