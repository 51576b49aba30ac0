import { Injectable } from '@nestjs/common';
import type { AppError } from '../common/errors/app-error.js';
import { Config } from '../config/config.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { CONSTRAINED_PARAMETERS } from '../models/domain/constrained-parameters.js';
import type { ModelMeta } from '../models/domain/model-meta.js';
import { type ModelParameters, resolveModelParameters } from '../models/domain/model-parameters.js';
import { withUnoffered } from '../models/domain/unoffered-parameters.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import { HardStops } from '../usage/budgets/hard-stops.service.js';
import type { AccessibleChat, AdmittedChat, ProviderRoute } from './admitted-chat.js';
import { ChatTargetService, type ChatWish } from './chat-target.service.js';
import { settlesSampling } from './domain/chat-preferences.js';
import { ImageMeasurer } from './images/image-measurer.service.js';
import { readPrompt, type Prompt } from './prompt.js';
import { InvalidImageError, ParameterConstraintViolationError } from './inference.errors.js';
import type { ChatCompletionBody } from './wire/chat-completion.js';
import type { ParsedChat } from './wire/parse-chat.js';
import { asksForCaching, withoutCaching } from './wire/prompt-caching.js';

/** What is said to have been left out where a model does not cache what it is told to. */
const CACHE_CONTROL = 'cache_control';

/** A model that was found, and why the chat may not go there: null where it may. */
export interface AccessDecision {
  chat: AccessibleChat;
  refusal: AppError | null;
}

/** Decides whether a chat may be sent, and with which parameters. Nothing here writes, calls a provider or touches credits. */
@Injectable()
export class AdmissionService {
  constructor(
    private readonly targets: ChatTargetService,
    private readonly images: ImageMeasurer,
    private readonly config: Config,
    private readonly stops: HardStops,
  ) {}

  /** @throws ModelNotFoundError, the one refusal after which nothing else can be said. */
  async decideAccess(
    parsed: ParsedChat,
    userId: string,
    terms: Pick<ChatWish, 'isFixed'> = {},
  ): Promise<AccessDecision> {
    const { body, dropped, sealsThinking = false, preferred, imagePaths } = parsed;
    const prompt = readPrompt(body, imagePaths);
    const { refusal: closed, ...target } = await this.targets.find(body.model, userId, {
      prompt,
      suits: ({ meta }) => this.resolveFor(meta, requestedOf(body), 'reject').violations.length === 0,
      ...terms,
    });
    const stopped = this.stops.refusal({ user: userId, tier: target.tier, model: target.model.id });
    const refusal = closed ?? stopped ?? (await this.measureImages(prompt, target.model));
    // Where the price or the route is missing there is a refusal, and the chat goes no further.
    const chat = { body, dropped, sealsThinking, prompt, ...(preferred && { preferred }), ...target };
    return { chat: chat as AccessibleChat, refusal };
  }

  /** @throws ParameterConstraintViolationError naming every violation at once. */
  resolve(chat: AccessibleChat, unsupported: 'reject' | 'drop'): AdmittedChat {
    const { id } = chat.model;
    const { resolution, preferences } = this.resolveWithPreference(chat, requestedOf(chat.body), unsupported);
    const { violations, choices, outputLimit: limit } = resolution;
    if (violations.length > 0) throw new ParameterConstraintViolationError(id, violations);
    if (!limit) throw new Error(`no output limit for ${id}, although no parameter was refused`);
    const body = cacheable(chat);
    const unheeded = body === chat.body ? [] : [CACHE_CONTROL];
    const dropped = [...chat.dropped, ...unheeded].map((parameter): AppliedChange => ({
      parameter,
      action: 'dropped',
    }));
    const redirected: AppliedChange[] = chat.redirectedFrom
      ? [{ parameter: 'model', action: 'redirected', to: id }]
      : [];
    return {
      ...chat,
      body,
      parameters: resolution.parameters,
      applied: [...preferences, ...redirected, ...dropped, ...resolution.applied],
      outputLimit: limit,
      choices,
    };
  }

  /** With the preferred temperature, where the model takes it beside the rest; otherwise without, and that is said. */
  private resolveWithPreference(
    { model, preferred, route }: AccessibleChat,
    requested: Record<string, unknown>,
    unsupported: 'reject' | 'drop',
  ): { resolution: ModelParameters; preferences: readonly AppliedChange[] } {
    const meta = withUnoffered(model.meta, (route as ProviderRoute | null)?.provider.unoffered);
    const resolve = (parameters: Record<string, unknown>, policy: 'reject' | 'drop') =>
      this.resolveFor(meta, parameters, policy);
    const applied = preferred?.applied ?? [];
    const temperature = preferred?.temperature ?? null;
    const resolution = resolve(requested, unsupported);
    if (temperature === null || resolution.violations.length > 0) return { resolution, preferences: applied };
    const change = { parameter: 'temperature', value: temperature, isPreference: true };
    const without = { resolution, preferences: [...applied, { ...change, action: 'dropped' as const }] };
    if (settlesSampling(resolution.parameters)) return without;
    // By the rules that refuse: the caller asked for nothing to be dropped in silence.
    const isRefused = resolve({ ...requested, temperature }, 'reject').violations.some(
      ({ parameter, conflictsWith }) => parameter === 'temperature' || conflictsWith === 'temperature',
    );
    const preferring = resolve({ ...requested, temperature }, unsupported);
    return isRefused || !keepsAll(resolution, preferring)
      ? without
      : { resolution: preferring, preferences: [...applied, { ...change, action: 'preferred' }] };
  }

  private resolveFor(
    meta: ModelMeta,
    parameters: Record<string, unknown>,
    unsupported: 'reject' | 'drop',
  ): ModelParameters {
    const { outputTokensDefault } = this.config;
    return resolveModelParameters(meta, parameters, { unsupported, outputTokensDefault });
  }

  /** Leaves with each image what it counts; why one is refused, or null. */
  private async measureImages(prompt: Prompt, model: CatalogueModel): Promise<AppError | null> {
    try {
      prompt.images = await this.images.measure(prompt.images, model.meta);
      return null;
    } catch (error) {
      if (error instanceof InvalidImageError) return error;
      throw error;
    }
  }
}

/** The parameters that a model's constraints decide about, as they were sent. */
function requestedOf(body: ChatCompletionBody): Record<string, unknown> {
  const requested: Record<string, unknown> = {};
  for (const name of CONSTRAINED_PARAMETERS) if (body[name] !== undefined) requested[name] = body[name];
  return requested;
}

/** Whether a preference left everything as it was that the caller asked for. */
function keepsAll(asked: ModelParameters, preferring: ModelParameters): boolean {
  return (
    preferring.violations.length === 0 &&
    Object.entries(asked.parameters).every(
      ([name, value]) => JSON.stringify(preferring.parameters[name]) === JSON.stringify(value),
    )
  );
}

/** The body, without marks of caching where its model would not heed them, or where what is written to the cache has no price of its own. */
function cacheable({ body, model, route }: AccessibleChat): ChatCompletionBody {
  if (!asksForCaching(body)) return body;
  const isPriced = model.meta.providerCosts?.cacheWrite !== undefined;
  // An estimate comes here although nobody answers for the model.
  const { cachesMarked = false } = (route as ProviderRoute | null)?.provider ?? {};
  return isPriced && cachesMarked ? body : withoutCaching(body);
}
