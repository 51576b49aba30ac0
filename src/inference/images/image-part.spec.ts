import { dataUri, gif, jpeg, png } from '../../../test/support/images.js';
import { imageLimits } from '../../models/domain/image-limits.js';
import { readImagePart } from './image-part.js';
import { isPublicAddress } from '../../common/http/public-address.js';

const LIMITS = imageLimits({
  imageTokens: { strategy: 'gemini_tiles', tileTokens: 258, perImageMax: 9_288, imageBytesMax: 100_000 },
});

function read(url: string) {
  return readImagePart({ part: { type: 'image_url', image_url: { url } } }, LIMITS);
}

describe('an image part', () => {
  it('is measured where it holds its image, and left alone where it only names it', () => {
    expect(read(dataUri('image/png', png(640, 480)))).toEqual({ width: 640, height: 480, isAnimated: false });
    expect(read(dataUri('IMAGE/GIF', gif(64, 48)))).toMatchObject({ width: 64 });
    expect(read('https://example.com/cat.jpg')).toEqual({ url: new URL('https://example.com/cat.jpg') });
  });

  it.each([
    ['an insecure URL', 'http://example.com/cat.jpg', 'https'],
    ['a file', 'file:///etc/passwd', 'https'],
    ['a drawing', 'data:image/svg+xml;base64,PHN2Zz4=', 'image/png'],
    ['a data URI that is not Base64', 'data:image/png,abc', 'Base64'],
    ['characters that are none of Base64’s', 'data:image/png;base64,iVBORw0KGgo*', 'Base64'],
    ['Base64 that is no image', 'data:image/png;base64,aGVsbG8gd29ybGQ=', 'image/png'],
    ['bytes of another type', dataUri('image/jpeg', png(64, 48)), 'image/jpeg'],
    ['no bytes', 'data:image/png;base64,', 'no bytes'],
    ['a single pixel', dataUri('image/png', png(1, 1)), 'at least 2'],
    ['a side of 30 000 pixels', dataUri('image/png', png(30_000, 10)), 'at most 8000'],
    ['a bomb', dataUri('image/png', png(7_999, 8_001)), 'at most 8000'],
    [
      'more bytes than are taken',
      dataUri('image/jpeg', Buffer.concat([jpeg(64, 48), Buffer.alloc(100_000)])),
      '100000',
    ],
    ['a long URL', `https://example.com/${'a'.repeat(2_100)}`, '2048'],
    ['a URL with a password', 'https://user:secret@example.com/a.png', 'password'],
  ])('is refused for %s', (_name, url, rule) => {
    expect(read(url)).toEqual({ fault: expect.stringContaining(rule) });
  });

  it('may not claim more pixels than anyone would unpack', () => {
    const limits = { ...LIMITS, sideMax: 16_384 };
    const url = dataUri('image/png', png(16_000, 16_000));
    const part = { type: 'image_url' as const, image_url: { url } };
    expect(readImagePart({ part }, limits)).toEqual({ fault: expect.stringContaining('64000000') });
  });

  it.each([
    'https://127.0.0.1/a.png',
    'https://2130706433/a.png',
    'https://0177.0.0.1/a.png',
    'https://0x7f.1/a.png',
    'https://[::1]/a.png',
    'https://[::ffff:127.0.0.1]/a.png',
    'https://[fd00::1]/a.png',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/a.png',
    'https://192.168.0.1/a.png',
    'https://localhost/a.png',
    'https://db.internal/a.png',
    'https://intranet/a.png',
  ])('may not name a place that is not public: %s', (url) => {
    expect(read(url)).toEqual({ fault: 'must be an address of the public internet' });
  });
});

describe('an address', () => {
  it('is public or not, in either family', () => {
    for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8']) {
      expect([address, isPublicAddress(address)]).toEqual([address, true]);
    }
    for (const address of [
      '172.16.0.1',
      '100.64.0.1',
      '0.0.0.0',
      '::',
      '::1',
      '::7f00:1',
      '::ffff:a00:1',
      '64:ff9b::a00:1',
      'x',
    ]) {
      expect([address, isPublicAddress(address)]).toEqual([address, false]);
    }
  });
});
