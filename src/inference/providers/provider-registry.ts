import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import type { ProviderRoute } from '../admitted-chat.js';
import { SandboxProvider } from './sandbox.provider.js';

/** Which provider answers for a model. With the sandbox on, it answers for every model that no adapter serves. */
@Injectable()
export class ProviderRegistry {
  constructor(
    private readonly config: Config,
    private readonly sandbox: SandboxProvider,
  ) {}

  /** Null where nobody answers: the model is listed as not available and cannot be called. */
  routeOf(_model: CatalogueModel): ProviderRoute | null {
    return this.config.sandbox ? { provider: this.sandbox, isSandbox: true } : null;
  }
}
