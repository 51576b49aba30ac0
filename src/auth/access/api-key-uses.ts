import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ApiKeyRepository } from './api-key.repository.js';

/** How late a list may show that a key was used. No request waits for it to be written. */
const WRITE_MS = 10_000;

/** When keys were last used, collected and written now and then in one statement. */
@Injectable()
export class ApiKeyUses implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ApiKeyUses.name);
  private pending = new Map<string, Date>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly keys: ApiKeyRepository) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), WRITE_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  note(keyId: string, at: Date): void {
    this.pending.set(keyId, at);
  }

  /** Writes what was noted so far, after what is being written. Never rejects: a lost time is shown again by the next use. */
  flush(): Promise<void> {
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  private async write(): Promise<void> {
    if (this.pending.size === 0) return;
    const uses = this.pending;
    this.pending = new Map();
    try {
      await this.keys.recordUses(uses);
    } catch (error) {
      this.logger.warn({ err: error }, 'the last use of API keys was not written');
    }
  }
}
