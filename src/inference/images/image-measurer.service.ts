import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { imageTokens } from '../../models/domain/image-tokens.js';
import type { ModelMeta } from '../../models/domain/model-meta.js';
import { InvalidImageError } from '../inference.errors.js';
import type { PromptImage } from '../prompt.js';
import { ImageFetcher } from './image-fetcher.js';
import { imageLimits, tokensMaxOf, type ImageLimits } from '../../models/domain/image-limits.js';
import { readImagePart } from './image-part.js';

type Measured = { image: PromptImage; fault: null } | { image: PromptImage; fault: string };

/** What the images of a prompt count for one model, from their headers. */
@Injectable()
export class ImageMeasurer implements OnApplicationShutdown {
  private readonly fetcher: ImageFetcher;

  constructor(config: Config) {
    this.fetcher = new ImageFetcher({ hosts: config.imageFetchHosts });
  }

  /**
   * The images with the tokens that each can count at most. Only hosts that the operator allows are asked.
   * @throws InvalidImageError naming every image that is not taken
   */
  async measure(images: readonly PromptImage[], meta: ModelMeta): Promise<PromptImage[]> {
    if (images.length === 0) return [];
    const limits = imageLimits(meta);
    if (images.length > limits.imagesMax) {
      const extra = images[limits.imagesMax]!.param;
      throw new InvalidImageError([{ param: extra, fault: `is one too many: at most ${limits.imagesMax}` }], limits);
    }
    const measured = await Promise.all(images.map((image) => this.measureOne(image, meta, limits)));
    const faults = measured.flatMap(({ image, fault }) =>
      fault === null ? [] : [{ param: image.addressParam, fault }],
    );
    if (faults.length > 0) throw new InvalidImageError(faults, limits);
    return measured.map(({ image }) => image);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.fetcher.close();
  }

  private async measureOne(
    image: PromptImage,
    { imageTokens: terms }: ModelMeta,
    limits: ImageLimits,
  ): Promise<Measured> {
    const most = tokensMaxOf(terms);
    let reading = readImagePart(image, limits);
    if ('url' in reading) {
      if (!this.fetcher.isAllowed(reading.url)) return { image: { ...image, tokens: most }, fault: null };
      reading = await this.fetcher.measure(reading.url, limits);
    }
    if ('fault' in reading) return { image, fault: reading.fault };
    if (!terms || reading.isAnimated) return { image: { ...image, tokens: most }, fault: null };
    const tokens = imageTokens(terms, reading, image.part.image_url.detail);
    return { image: { ...image, tokens, isSizeKnown: true }, fault: null };
  }
}
