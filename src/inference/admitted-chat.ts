import type { FastifyRequest } from 'fastify';
import type { Tier } from '../common/domain/tiers.js';
import type { Principal } from '../common/http/principal.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import type { AppliedPreferences } from './domain/chat-preferences.js';
import type { ChatDialect } from './dialects/chat-dialect.js';
import type { Prompt } from './prompt.js';
import type { PricedModel } from './model-access.js';
import type { ChatProvider } from './providers/chat-provider.js';
import type { ChatCompletionBody } from './wire/chat-completion.js';

/** What answers for a model on this server. */
export interface ProviderRoute {
  provider: ChatProvider;
  isSandbox: boolean;
}

/** A chat whose model was found, whether or not it may be called. */
export interface FoundChat {
  body: ChatCompletionBody;
  prompt: Prompt;
  /** The legacy model that was asked for, where the plan has its successor called in its place. */
  redirectedFrom?: CatalogueModel;
  /** Fields that the caller had left out by `X-Unsupported-Parameters: drop`. */
  dropped: string[];
  /** The answer is to have what was thought as its provider signed it, in dialects that leave it out otherwise. */
  sealsThinking?: boolean;
  /** What the user's preferences did. */
  preferred?: AppliedPreferences;
  model: CatalogueModel;
  /** Null where nobody answers for the model. */
  route: ProviderRoute | null;
  tier: Tier;
}

/** A chat whose model may be called by this user. */
export interface AccessibleChat extends FoundChat {
  model: PricedModel;
  route: ProviderRoute;
}

/** What a model's constraints made of the parameters of a chat. */
export interface ResolvedParameters {
  /** The constrained parameters as they go to the provider. */
  parameters: Record<string, unknown>;
  applied: AppliedChange[];
  /** Under which name the output limit is sent, and how large it is for one choice. */
  outputLimit: { parameter: string; tokens: number };
  choices: number;
}

/** A chat that passed every guard: nothing but credits and limits can refuse it now. */
export interface AdmittedChat extends AccessibleChat, ResolvedParameters {}

/** What the hold of a chat is bounded by, whoever answers it. */
export type HoldableChat = Omit<AdmittedChat, 'route'>;

/** The request as the guards leave it to one another and to the controller. */
export interface InferenceHttpRequest extends FastifyRequest {
  principal?: Principal;
  /** In which the chat was asked. */
  dialect?: ChatDialect;
  accessible?: AccessibleChat;
  admitted?: AdmittedChat;
  /** The client's own, where it sent one. */
  idempotencyKey?: string;
}
