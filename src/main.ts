import { assertRuntime } from './runtime-version.js';

// Checked before anything else is loaded: on an older Node the first import would fail with a riddle.
assertRuntime(process.version);
const { startServer } = await import('./start-server.js');
await startServer(process.argv.slice(2));
