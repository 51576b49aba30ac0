import fc from 'fast-check';
import { gif, jpeg, png, webp } from '../../../test/support/images.js';
import { IMAGE_TYPES } from '../../models/domain/image-limits.js';
import { readImageHeader, type ImageType } from './image-header.js';

describe('the header of an image', () => {
  it.each<[string, ImageType, Buffer, [number, number, boolean]]>([
    ['a PNG', 'image/png', png(640, 480), [640, 480, false]],
    ['an animated PNG', 'image/png', png(64, 48, { isAnimated: true }), [64, 48, true]],
    ['a JPEG behind a large preview', 'image/jpeg', jpeg(4_032, 3_024), [4_032, 3_024, false]],
    ['a progressive JPEG', 'image/jpeg', jpeg(800, 600, { marker: 0xc2 }), [800, 600, false]],
    ['an arithmetic JPEG', 'image/jpeg', jpeg(800, 600, { marker: 0xc9 }), [800, 600, false]],
    ['a lossy WebP', 'image/webp', webp(800, 600), [800, 600, false]],
    ['a lossless WebP', 'image/webp', webp(16_384, 1, 'lossless'), [16_384, 1, false]],
    ['an extended WebP', 'image/webp', webp(800, 600, 'extended'), [800, 600, false]],
    ['an animated WebP', 'image/webp', webp(800, 600, 'animated'), [800, 600, true]],
    ['a GIF', 'image/gif', gif(320, 200), [320, 200, false]],
    ['an animated GIF', 'image/gif', gif(320, 200, 3), [320, 200, true]],
  ])('of %s tells its size', (_name, type, bytes, [width, height, isAnimated]) => {
    expect(readImageHeader(bytes, type)).toEqual({ width, height, isAnimated });
  });

  it('is enough: a file that is cut off behind it has a size, one that is cut off before has none', () => {
    expect(readImageHeader(png(640, 480).subarray(0, 40), 'image/png')).toMatchObject({ width: 640 });
    expect(readImageHeader(gif(320, 200).subarray(0, 14), 'image/gif')).toMatchObject({ width: 320 });
    expect(readImageHeader(jpeg(64, 48).subarray(0, 60_200), 'image/jpeg')).toMatchObject({ width: 64 });
    for (const [type, bytes, length] of [
      ['image/png', png(640, 480), 20],
      ['image/jpeg', jpeg(64, 48), 30_000],
      ['image/webp', webp(64, 48), 22],
      ['image/gif', gif(64, 48), 7],
    ] as const) {
      expect(readImageHeader(bytes.subarray(0, length), type)).toEqual({ fault: 'is cut off before its size' });
    }
  });

  it('that lies is believed in its largest claim', () => {
    expect(readImageHeader(jpeg(4_000, 3_000, { lies: [16, 16] }), 'image/jpeg')).toMatchObject({ width: 4_000 });
    expect(readImageHeader(jpeg(16, 16, { lies: [4_000, 3_000] }), 'image/jpeg')).toMatchObject({ width: 4_000 });
    const canvas = webp(8, 8, 'extended');
    canvas.writeUInt16LE(5_000, canvas.length - 14);
    expect(readImageHeader(canvas, 'image/webp')).toMatchObject({ width: 5_000 });
    const screen = gif(8, 8);
    screen.writeUInt16LE(6_000, screen.indexOf(0x2c, 25) + 5);
    expect(readImageHeader(screen, 'image/gif')).toMatchObject({ width: 6_000 });
  });

  it.each<[string, ImageType, Buffer]>([
    ['no image at all', 'image/png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['an image of another type', 'image/jpeg', png(640, 480)],
    ['a sound in the same container', 'image/webp', Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1')],
    ['a PNG without its header chunk', 'image/png', Buffer.concat([png(9, 9).subarray(0, 8), Buffer.alloc(40, 0x41)])],
    ['a size of nothing', 'image/png', png(0, 5)],
    ['a JPEG without a frame', 'image/jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0])],
  ])('of %s tells why not', (_name, type, bytes) => {
    expect(readImageHeader(bytes, type)).toEqual({ fault: expect.any(String) });
  });

  it('ends quickly whatever the bytes are', () => {
    const heads = [png(9, 9), jpeg(9, 9), webp(9, 9, 'extended'), gif(9, 9)];
    fc.assert(
      fc.property(
        fc.constantFrom(...IMAGE_TYPES),
        fc.constantFrom(...heads),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(80),
        (type, head, noise, keep) => {
          const found = readImageHeader(Buffer.concat([head.subarray(0, keep), noise]), type);
          if (!('fault' in found)) expect(Math.min(found.width, found.height)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 3_000 },
    );
    const endless = Buffer.concat([gif(9, 9).subarray(0, 25), Buffer.alloc(15_000_000, 0x21)]);
    expect(readImageHeader(endless, 'image/gif')).toMatchObject({ width: 9 });
    const padded = Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(15_000_000, 0xff)]);
    expect(readImageHeader(padded, 'image/jpeg')).toEqual({ fault: 'is cut off before its size' });
  });
});
