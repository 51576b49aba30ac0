import type { Tier } from '../common/domain/tiers.js';
import type { Principal } from '../common/http/principal.js';
import type { AppliedChange } from '../models/domain/parameter-violation.js';
import type { AnswerKeeper } from './idempotency/answer-keeper.js';
import type { PricedModel } from './model-access.js';
import type { EmbeddingProvider } from './providers/chat-provider.js';
import type { EmbeddingBody } from './wire/embedding.js';

/** A request for embeddings that passed every guard. */
export interface AdmittedEmbedding {
  body: EmbeddingBody;
  /** What was changed on the way here. */
  applied: AppliedChange[];
  model: PricedModel;
  provider: EmbeddingProvider & { name: string };
  isSandbox: boolean;
  tier: Tier;
}

export interface EmbeddingCall {
  requestId: string;
  principal: Pick<Principal, 'userId' | 'accessId'>;
  admitted: AdmittedEmbedding;
  /** Whether anybody waits for the answer still. */
  hasClientLeft: () => boolean;
  /** Keeps the answer for a repeat, where the request came with a key of its own. */
  keeper?: AnswerKeeper | undefined;
}
