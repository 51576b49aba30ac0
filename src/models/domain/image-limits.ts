import type { ImageTokenTerms } from './image-tokens.js';
import type { ModelMeta } from './model-meta.js';

export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'] as const;

/** Images of one request, whatever the model. */
export const IMAGES_MAX = 20;

/**
 * What one image counts where the model's meta does not say: the most that any strategy of a known provider makes of one, 10 000 patches
 * times 1.2.
 */
export const IMAGE_TOKENS_MAX_DEFAULT = 12_000;
/** A picture of a single pixel shows nothing; providers refuse it, or charge it as a whole tile. */
const SIDE_MIN_DEFAULT = 2;
/** As large as the largest that any known provider takes. */
const SIDE_MAX_DEFAULT = 8_000;
/** 8 000 × 8 000. A few bytes can claim far more, which would be unpacked by whoever looks at them. */
const PIXELS_MAX = 64_000_000;
const BYTES_MAX_DEFAULT = 10 * 1_024 * 1_024;
/** Longest address of a remote image. */
export const URL_LENGTH_MAX = 2_048;

/** What a model takes of images, all defaults filled in; told with every refusal. */
export interface ImageLimits {
  types: readonly string[];
  schemes: readonly string[];
  urlLengthMax: number;
  imagesMax: number;
  bytesMax: number;
  sideMin: number;
  sideMax: number;
  pixelsMax: number;
}

export function imageLimits({ imageTokens }: Pick<ModelMeta, 'imageTokens'>): ImageLimits {
  return {
    types: IMAGE_TYPES,
    schemes: ['https', 'data'],
    urlLengthMax: URL_LENGTH_MAX,
    imagesMax: Math.min(imageTokens?.imagesMax ?? IMAGES_MAX, IMAGES_MAX),
    bytesMax: imageTokens?.imageBytesMax ?? BYTES_MAX_DEFAULT,
    sideMin: imageTokens?.imageSideMin ?? SIDE_MIN_DEFAULT,
    sideMax: imageTokens?.imageSideMax ?? SIDE_MAX_DEFAULT,
    pixelsMax: PIXELS_MAX,
  };
}

/** The most that an image of the model counts. */
export function tokensMaxOf(terms: ImageTokenTerms | undefined): number {
  return terms?.perImageMax ?? IMAGE_TOKENS_MAX_DEFAULT;
}
