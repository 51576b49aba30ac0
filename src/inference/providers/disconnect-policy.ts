import type { AdmittedChat } from '../admitted-chat.js';
import type { DisconnectPolicy } from './chat-provider.js';

/** What happens upstream when the client leaves: as the operator says for the model, else as is usual with its provider. */
export function disconnectPolicyOf({ model, route }: Pick<AdmittedChat, 'model' | 'route'>): DisconnectPolicy {
  return model.meta.providerMetadata?.['onDisconnect'] === 'cancel' ? { kind: 'cancel' } : route.provider.onDisconnect;
}
