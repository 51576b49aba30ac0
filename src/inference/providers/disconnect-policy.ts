import type { AdmittedChat } from '../admitted-chat.js';
import type { DisconnectPolicy } from './chat-provider.js';

/** Aborts, with the reason of `left`, when the provider is to be told to stop: at once, or after it was read on for as long as its policy says. */
export function cutOffSignal(left: AbortSignal, policy: DisconnectPolicy): AbortSignal {
  if (policy.kind === 'cancel') return left;
  const cutOff = new AbortController();
  const wait = (): void => {
    setTimeout(() => cutOff.abort(left.reason), policy.capMs).unref();
  };
  if (left.aborted) wait();
  else left.addEventListener('abort', wait, { once: true });
  return cutOff.signal;
}

/** What happens upstream when the client leaves: as the operator says for the model, else as is usual with its provider. */
export function disconnectPolicyOf({ model, route }: Pick<AdmittedChat, 'model' | 'route'>): DisconnectPolicy {
  return model.meta.providerMetadata?.['onDisconnect'] === 'cancel' ? { kind: 'cancel' } : route.provider.onDisconnect;
}
