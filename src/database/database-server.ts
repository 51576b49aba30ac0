import type { Config } from '../config/config.js';
import { EmbeddedServer } from './embedded-server.js';

/** The PostgreSQL that this process talks to: the operator's (`DATABASE_URL`), or the embedded one. */
export class DatabaseServer {
  private constructor(
    readonly url: string,
    readonly embedded: EmbeddedServer | undefined,
  ) {}

  /** Starts the embedded server unless `DATABASE_URL` names another. */
  static async open(config: Config, onMessage: (text: string) => void): Promise<DatabaseServer> {
    if (config.databaseUrl) return new DatabaseServer(config.databaseUrl, undefined);
    const embedded = await EmbeddedServer.start({
      dataDir: config.dataDir,
      isDataDirChosen: config.isDataDirChosen,
      onMessage,
    });
    return new DatabaseServer(embedded.url, embedded);
  }

  /** As {@link open}, but joins the embedded server of a running Tollgate: for commands. */
  static async join(config: Config, onMessage: (text: string) => void): Promise<DatabaseServer> {
    const running = config.databaseUrl ?? EmbeddedServer.findRunning(config);
    return running ? new DatabaseServer(running, undefined) : DatabaseServer.open(config, onMessage);
  }

  /** Stops what {@link open} started; another's server goes on. */
  async close(): Promise<void> {
    await this.embedded?.stop();
  }
}
