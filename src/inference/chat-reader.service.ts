import { Injectable } from '@nestjs/common';
import { PreferencesService } from '../auth/account/preferences.service.js';
import { applyPreferences } from './domain/chat-preferences.js';
import type { ChatDialect } from './dialects/chat-dialect.js';
import type { ParsedChat } from './wire/parse-chat.js';

export interface ChatReading {
  dialect: ChatDialect;
  userId: string;
  unsupported: 'reject' | 'drop';
  /** The header `Accept`. */
  accept: string | undefined;
}

/** Reads a chat as it came, with the user's preferences where it says nothing. */
@Injectable()
export class ChatReader {
  constructor(private readonly preferences: PreferencesService) {}

  /** @throws as `ChatDialect.parse` does. */
  async read(raw: unknown, { dialect, userId, unsupported, accept }: ChatReading): Promise<ParsedChat> {
    const { body, preferred } = await applyPreferences(raw, accept, () => this.preferences.of(userId));
    return { ...dialect.parse(body, { dropUnsupported: unsupported === 'drop' }), preferred };
  }
}
