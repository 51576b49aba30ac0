import { startWorker } from '../start-server.js';

await startWorker(process.argv.slice(2));
