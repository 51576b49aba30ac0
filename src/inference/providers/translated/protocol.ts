import type { FetchFunction } from '@ai-sdk/provider-utils';
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { ParameterConstraints } from '../../../models/domain/parameter-constraint.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ProviderRequest } from '../chat-provider.js';

/** A provider's protocol that is no variant of OpenAI's: what differs from one to the next beside the model library itself. */
export interface Protocol {
  /** Whether the provider signs what its models think, and has to be shown it again. */
  readonly signsThinking: boolean;
  /** Whether it caches the parts of a prompt that are marked for it. */
  readonly cachesMarked: boolean;
  /** Parameters that it never takes. */
  readonly unoffered: ParameterConstraints;

  /**
   * Prepares one call, which is sent with `send` in the place of this server's connections where that is given.
   * @throws ProviderRejection for what the provider does not offer.
   */
  open(request: ProviderRequest, send?: FetchFunction): Exchange;
}

/** One call. */
export interface Exchange {
  model: LanguageModelV4;
  /** What is added to the translated call. */
  options: Pick<LanguageModelV4CallOptions, 'providerOptions'>;
  /** What was counted, normalised, once the answer is there; null where nothing usable was reported. */
  usage(reported: LanguageModelV4Usage): ReportedUsage | null;
  /** The same in the middle of a stream, given an event as it came: what counts should nothing follow. Null until anything usable was told. */
  usageSoFar(event: unknown): ReportedUsage | null;
  /** The provider's own id of the call, where it told one. */
  providerRequestId(): string | null;
}
