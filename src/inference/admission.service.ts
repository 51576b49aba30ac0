import { Injectable } from '@nestjs/common';
import type { AppError } from '../common/errors/app-error.js';
import type { Tier } from '../common/domain/tiers.js';
import { Config } from '../config/config.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { CONSTRAINED_PARAMETERS } from '../models/domain/constrained-parameters.js';
import { resolveModelParameters } from '../models/domain/model-parameters.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import type { AccessibleChat, AdmittedChat } from './admitted-chat.js';
import { refuseImage } from './wire/image-part.js';
import { readPrompt } from './prompt.js';
import { refuseAccess } from './model-access.js';
import { ParameterConstraintViolationError } from './inference.errors.js';
import { ProviderRegistry } from './providers/provider-registry.js';
import type { ParsedChat } from './wire/parse-chat.js';

/** A model that was found, and why the chat may not go there: null where it may. */
export interface AccessDecision {
  chat: AccessibleChat;
  refusal: AppError | null;
}

/** Decides whether a chat may be sent, and with which parameters. Nothing here writes, calls a provider or touches credits. */
@Injectable()
export class AdmissionService {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly subscriptions: SubscriptionService,
    private readonly providers: ProviderRegistry,
    private readonly config: Config,
  ) {}

  /** @throws ModelNotFoundError, the one refusal after which nothing else can be said. */
  async decideAccess({ body, dropped }: ParsedChat, userId: string): Promise<AccessDecision> {
    const model = this.catalogue.find(body.model);
    if (!model) throw ModelNotFoundError.of(body.model);
    const tier = await this.tierOf(userId);
    const route = this.providers.routeOf(model);
    const prompt = readPrompt(body);
    const refusal = refuseAccess(model, { tier, isServed: route !== null, prompt }) ?? firstImageRefusal(prompt.images);
    // Where either is missing there is a refusal, and the chat goes no further.
    const chat = { body, dropped, prompt, model, route, tier } as AccessibleChat;
    return { chat, refusal };
  }

  /** @throws ParameterConstraintViolationError naming every violation at once. */
  resolve(chat: AccessibleChat, unsupported: 'reject' | 'drop'): AdmittedChat {
    const { meta, id } = chat.model;
    const requested: Record<string, unknown> = {};
    for (const name of CONSTRAINED_PARAMETERS) if (chat.body[name] !== undefined) requested[name] = chat.body[name];
    const { outputTokensDefault } = this.config;
    const resolution = resolveModelParameters(meta, requested, { unsupported, outputTokensDefault });
    const { violations, choices, outputLimit: limit } = resolution;
    if (violations.length > 0) throw new ParameterConstraintViolationError(id, violations);
    if (!limit) throw new Error(`no output limit for ${id}, although no parameter was refused`);
    const dropped = chat.dropped.map((parameter): AppliedChange => ({ parameter, action: 'dropped' }));
    return {
      ...chat,
      parameters: resolution.parameters,
      applied: [...dropped, ...resolution.applied],
      outputLimit: limit,
      choices,
    };
  }

  private async tierOf(userId: string): Promise<Tier> {
    const { tier } = await this.subscriptions.current(userId);
    return tier;
  }
}

function firstImageRefusal(images: AccessibleChat['prompt']['images']): AppError | null {
  for (const image of images) {
    const refusal = refuseImage(image);
    if (refusal) return refusal;
  }
  return null;
}
