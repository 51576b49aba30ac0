import { EmbeddedServer } from '../../src/database/embedded-server.js';
import { makeDataFolder, removeLeftFolders } from './data-folder.js';
import { migrateAndSeed } from './migrate-and-seed.js';
import { administer, testServerUrl } from './test-server.js';

/** The tests' own PostgreSQL. Nothing in it outlives the run, so it need not wait for the disk. */
export default async function globalSetup(): Promise<void> {
  removeLeftFolders();
  const dataDir = makeDataFolder('test');
  const server = await EmbeddedServer.start({
    dataDir,
    isDataDirChosen: true,
    onMessage: () => undefined,
    settings: [
      'fsync=off',
      'synchronous_commit=off',
      'full_page_writes=off',
      'max_connections=400',
      // What it writes ahead may lie in memory, where a gigabyte of it would be in the way.
      'max_wal_size=256MB',
    ],
  });
  process.env['TEST_SERVER_URL'] = server.url;
  (globalThis as { testServer?: unknown }).testServer = { server, dataDir };
  await administer('create database tollgate_template');
  await migrateAndSeed(testServerUrl('tollgate_template'));
}
