import type { PromptImage } from '../prompt.js';
import { readImageHeader, type ImageFacts, type ImageFault, type ImageType } from './image-header.js';
import { IMAGE_TYPES, type ImageLimits } from '../../models/domain/image-limits.js';
import { privateHostFault } from '../../common/http/public-address.js';

const DATA_URI = /^data:([a-z0-9.+/-]+);base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** A prefix of this length is looked at for characters that are none of Base64's; what is decoded is measured besides. */
const BASE64_LOOK = 4_096;

/** What is known of an image before anyone is asked: its size, or that it is remote, or why it is refused. */
export type ImageReading = ImageFacts | ImageFault | { url: URL };

/** Reads an image part: a data URI whole, an https URL only as far as its address. */
export function readImagePart({ part }: Pick<PromptImage, 'part'>, limits: ImageLimits): ImageReading {
  const { url } = part.image_url;
  return /^data:/i.test(url) ? readDataUri(url, limits) : readAddress(url, limits);
}

function readDataUri(uri: string, limits: ImageLimits): ImageFacts | ImageFault {
  const head = DATA_URI.exec(uri.slice(0, 64));
  const type = IMAGE_TYPES.find((known): known is ImageType => known === head?.[1]?.toLowerCase());
  if (!head || !type) return { fault: `must be a data URI in Base64 of ${IMAGE_TYPES.join(', ')}` };
  const text = uri.slice(head[0].length);
  if (text === '') return { fault: 'holds no bytes' };
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const length = Math.floor(((text.length - padding) * 3) / 4);
  if (length > limits.bytesMax) return { fault: `has ${length} bytes, at most ${limits.bytesMax} are taken` };
  const bytes = Buffer.from(text, 'base64');
  // The decoder passes over what it does not know, so that less comes out than went in.
  if (bytes.length !== length || !BASE64.test(text.length > BASE64_LOOK ? text.slice(0, BASE64_LOOK) : text)) {
    return { fault: 'is not Base64' };
  }
  return sizeFault(readImageHeader(bytes, type), limits);
}

function readAddress(address: string, limits: ImageLimits): ImageFault | { url: URL } {
  if (address.length > limits.urlLengthMax) return { fault: `must have at most ${limits.urlLengthMax} characters` };
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol !== 'https:') return { fault: 'must be an https URL or a data URI' };
  if (url.username !== '' || url.password !== '') return { fault: 'must hold neither user nor password' };
  const fault = privateHostFault(url.hostname);
  return fault === null ? { url } : { fault };
}

/** The facts, or why an image of this size is not taken. */
export function sizeFault(found: ImageFacts | ImageFault, limits: ImageLimits): ImageFacts | ImageFault {
  if ('fault' in found) return found;
  const { width, height } = found;
  const size = `is ${width} × ${height} pixels`;
  if (Math.min(width, height) < limits.sideMin) return { fault: `${size}; each side has at least ${limits.sideMin}` };
  if (Math.max(width, height) > limits.sideMax) return { fault: `${size}; each side has at most ${limits.sideMax}` };
  if (width * height > limits.pixelsMax) return { fault: `${size}; both together have at most ${limits.pixelsMax}` };
  return found;
}
