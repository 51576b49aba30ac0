import { crc32, deflateSync } from 'node:zlib';

/** An image as a data URI. */
export function dataUri(type: string, bytes: Buffer): string {
  return `data:${type};base64,${bytes.toString('base64')}`;
}

function pngChunk(name: string, body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(name, 'latin1'), body]);
  const frame = Buffer.alloc(8 + content.length);
  frame.writeUInt32BE(body.length, 0);
  content.copy(frame, 4);
  frame.writeUInt32BE(crc32(content), 4 + content.length);
  return frame;
}

/** A PNG that is whole for small sizes; one of many pixels claims them and holds none, as a bomb does. */
export function png(width: number, height: number, options: { isAnimated?: boolean } = {}): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(8, 8);
  const pixels = width * height <= 1_000_000 ? Buffer.alloc((width + 1) * height) : Buffer.alloc(0);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    ...(options.isAnimated ? [pngChunk('acTL', Buffer.alloc(8))] : []),
    pngChunk('IDAT', deflateSync(pixels)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function jpegSegment(marker: number, body: Buffer): Buffer {
  const segment = Buffer.alloc(4 + body.length);
  segment.writeUInt16BE(0xff00 | marker, 0);
  segment.writeUInt16BE(2 + body.length, 2);
  body.copy(segment, 4);
  return segment;
}

function jpegFrame(width: number, height: number, marker = 0xc0): Buffer {
  const body = Buffer.alloc(15);
  body.writeUInt8(8, 0);
  body.writeUInt16BE(height, 1);
  body.writeUInt16BE(width, 3);
  body.writeUInt8(3, 5);
  return jpegSegment(marker, body);
}

/** The head of a JPEG: a large EXIF segment with a preview of its own first, then the frame, then a scan that is cut off. */
export function jpeg(
  width: number,
  height: number,
  options: { marker?: number; lies?: [number, number] } = {},
): Buffer {
  const preview = Buffer.concat([
    Buffer.from('Exif\0\0'),
    Buffer.from([0xff, 0xd8]),
    jpegFrame(160, 120),
    Buffer.alloc(60_000),
  ]);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    jpegSegment(0xe1, preview),
    jpegSegment(0xdb, Buffer.alloc(65)),
    ...(options.lies ? [jpegFrame(...options.lies)] : []),
    jpegFrame(width, height, options.marker),
    jpegSegment(0xda, Buffer.alloc(10)),
    Buffer.alloc(32, 0x55),
  ]);
}

function riff(...chunks: [string, Buffer][]): Buffer {
  const body = Buffer.concat(
    chunks.map(([name, content]) => {
      const head = Buffer.alloc(8);
      head.write(name, 'latin1');
      head.writeUInt32LE(content.length, 4);
      return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
    }),
  );
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  head.writeUInt32LE(4 + body.length, 4);
  return Buffer.concat([head, body]);
}

function vp8(width: number, height: number): Buffer {
  const content = Buffer.alloc(20);
  content.writeUIntBE(0x9d012a, 3, 3);
  content.writeUInt16LE(width, 6);
  content.writeUInt16LE(height, 8);
  return content;
}

export function webp(
  width: number,
  height: number,
  kind: 'lossy' | 'lossless' | 'extended' | 'animated' = 'lossy',
): Buffer {
  if (kind === 'lossy') return riff(['VP8 ', vp8(width, height)]);
  if (kind === 'lossless') {
    const content = Buffer.alloc(12);
    content.writeUInt8(0x2f, 0);
    content.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 1);
    return riff(['VP8L', content]);
  }
  const canvas = Buffer.alloc(10);
  canvas.writeUInt8(kind === 'animated' ? 0x02 : 0, 0);
  canvas.writeUIntLE(width - 1, 4, 3);
  canvas.writeUIntLE(height - 1, 7, 3);
  return riff(
    ['VP8X', canvas],
    ['ICCP', Buffer.alloc(501)],
    ['VP8 ', vp8(Math.min(width, 16_383), Math.min(height, 16_383))],
  );
}

export function gif(width: number, height: number, frames = 1): Buffer {
  const screen = Buffer.from('GIF89a\0\0\0\0\0\0\0', 'latin1');
  screen.writeUInt16LE(width, 6);
  screen.writeUInt16LE(height, 8);
  screen.writeUInt8(0x81, 10);
  const frame = Buffer.alloc(10);
  frame.writeUInt8(0x2c, 0);
  frame.writeUInt16LE(width, 5);
  frame.writeUInt16LE(height, 7);
  const picture = Buffer.concat([frame, Buffer.from([2, 4, 1, 2, 3, 4, 0])]);
  const pause = Buffer.from([0x21, 0xf9, 4, 0, 0, 0, 0, 0]);
  const pictures = Array.from({ length: frames }, () => [pause, picture]).flat();
  return Buffer.concat([screen, Buffer.alloc(12), ...pictures, Buffer.from([0x3b])]);
}
