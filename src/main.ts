import { startServer } from './start-server.js';

await startServer(process.argv.slice(2));
