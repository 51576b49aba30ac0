import { refuseImage } from './image-part.js';

function refusalOf(url: string) {
  return refuseImage({ param: 'messages[0].content[1]', part: { type: 'image_url', image_url: { url } } });
}

const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';

describe('refuseImage', () => {
  it.each([PNG, 'https://example.com/cat.jpg'])('takes %s', (url) => {
    expect(refusalOf(url)).toBeNull();
  });

  it.each([
    ['an insecure URL', 'http://example.com/cat.jpg'],
    ['a file', 'file:///etc/passwd'],
    ['another type', 'data:image/svg+xml;base64,PHN2Zz4='],
    ['a data URI that is not Base64', 'data:image/png,abc'],
    ['bytes of another type', 'data:image/jpeg;base64,iVBORw0KGgoAAAANSUhEUg=='],
    ['no bytes', 'data:image/png;base64,'],
    ['a long URL', `https://example.com/${'a'.repeat(2_100)}`],
  ])('refuses %s and names its place', (_name, url) => {
    expect(refusalOf(url)).toMatchObject({ code: 'invalid_image', param: 'messages[0].content[1].image_url.url' });
  });
});
