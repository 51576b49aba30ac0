import { InvalidImageError } from '../inference.errors.js';
import type { PromptImage } from '../prompt.js';

const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];
const URL_LENGTH_MAX = 2_048;
const DATA_URI = /^data:([a-z0-9.+/-]+);base64,/i;
/** The first bytes of each type, as Base64 writes them. */
const SIGNATURES: Record<string, RegExp> = {
  'image/png': /^iVBORw0KGgo/,
  'image/jpeg': /^\/9j\//,
  'image/gif': /^R0lGOD[dl]h/,
  'image/webp': /^UklGR.{6}XRUJQ/,
};
const LIMITS = { types: IMAGE_TYPES, schemes: ['https', 'data'], urlLengthMax: URL_LENGTH_MAX };

/** An image that cannot be one of the types taken: a wrong scheme, a wrong media type, or bytes of another type; null if it can. */
export function refuseImage({ param, part }: PromptImage): InvalidImageError | null {
  const { url } = part.image_url;
  const at = `${param}.image_url.url`;
  if (!url.startsWith('data:')) {
    if (!url.startsWith('https://')) return new InvalidImageError(at, 'must be an https URL or a data URI', LIMITS);
    return url.length <= URL_LENGTH_MAX
      ? null
      : new InvalidImageError(at, `must have at most ${URL_LENGTH_MAX} characters`, LIMITS);
  }
  const head = DATA_URI.exec(url.slice(0, 64));
  const type = head?.[1]?.toLowerCase();
  if (!head || !type || !IMAGE_TYPES.includes(type)) {
    return new InvalidImageError(at, `must be a data URI in Base64 of ${IMAGE_TYPES.join(', ')}`, LIMITS);
  }
  const start = url.slice(head[0].length, head[0].length + 32);
  return SIGNATURES[type]?.test(start)
    ? null
    : new InvalidImageError(at, `does not hold an image of the type ${type}`, LIMITS);
}
