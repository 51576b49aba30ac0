import { rmSync } from 'node:fs';
import type { EmbeddedServer } from '../../src/database/embedded-server.js';

export default async function globalTeardown(): Promise<void> {
  const { server, dataDir } = (globalThis as unknown as { testServer: { server: EmbeddedServer; dataDir: string } })
    .testServer;
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
