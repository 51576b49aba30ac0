import { Injectable } from '@nestjs/common';
import type { Tier } from '../common/domain/tiers.js';
import type { AppError } from '../common/errors/app-error.js';
import { Config } from '../config/config.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { CONSTRAINED_PARAMETERS } from '../models/domain/constrained-parameters.js';
import type { ModelMeta } from '../models/domain/model-meta.js';
import { type ModelParameters, resolveModelParameters } from '../models/domain/model-parameters.js';
import { withUnoffered } from '../models/domain/unoffered-parameters.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import { HardStops } from '../usage/budgets/hard-stops.service.js';
import type { AccessibleChat, FoundChat, ResolvedParameters } from './admitted-chat.js';
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
export type AccessDecision = { chat: AccessibleChat; refusal: null } | { chat: FoundChat; refusal: AppError };

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
    const { target, refusal: closed } = await this.targets.find(body.model, userId, {
      prompt,
      suits: ({ meta }) => this.resolveFor(meta, requestedOf(body), 'reject').violations.length === 0,
      ...terms,
    });
    const said = { body, dropped, sealsThinking, prompt, ...(preferred && { preferred }) };
    if (closed) return { chat: { ...said, ...target }, refusal: closed };
    const chat = { ...said, ...target };
    return {
      chat,
      refusal: this.stopOf(chat.model, userId, chat.tier) ?? (await this.measureImages(prompt, chat.model)),
    };
  }

  /** Why no request of this user is taken by the model now, whatever it asks: a budget that is used up, or null. */
  stopOf(model: CatalogueModel, userId: string, tier: Tier): AppError | null {
    return this.stops.refusal({ user: userId, tier, model: model.id });
  }

  /** @throws ParameterConstraintViolationError naming every violation at once. */
  resolve<Chat extends FoundChat>(chat: Chat, unsupported: 'reject' | 'drop'): Chat & ResolvedParameters {
    const { id } = chat.model;
    const { resolution, preferences } = this.resolveWithPreference(chat, requestedOf(chat.body), unsupported);
    const { violations, choices, outputLimit: limit } = resolution;
    if (violations.length > 0) throw new ParameterConstraintViolationError(id, violations);
    if (!limit) throw new Error(`no output limit for ${id}, although no parameter was refused`);
    const body = cacheable(chat);
    // Of a chat that goes to a fallback it was left out before.
    const dropped = body === chat.body ? chat.dropped : [...chat.dropped, CACHE_CONTROL];
    const leftOut = dropped.map((parameter): AppliedChange => ({ parameter, action: 'dropped' }));
    const redirected: AppliedChange[] = chat.redirectedFrom
      ? [{ parameter: 'model', action: 'redirected', to: id }]
      : [];
    return {
      ...chat,
      body,
      dropped,
      parameters: resolution.parameters,
      applied: [...preferences, ...redirected, ...leftOut, ...resolution.applied],
      outputLimit: limit,
      choices,
    };
  }

  /** With the preferred temperature, where the model takes it beside the rest; otherwise without, and that is said. */
  private resolveWithPreference(
    { model, preferred, route }: FoundChat,
    requested: Record<string, unknown>,
    unsupported: 'reject' | 'drop',
  ): { resolution: ModelParameters; preferences: readonly AppliedChange[] } {
    const meta = withUnoffered(model.meta, route?.provider.unoffered);
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
function cacheable({ body, model, route }: FoundChat): ChatCompletionBody {
  if (!asksForCaching(body)) return body;
  const isPriced = model.meta.providerCosts?.cacheWrite !== undefined;
  // An estimate comes here although nobody answers for the model.
  return isPriced && route?.provider.cachesMarked ? body : withoutCaching(body);
}
