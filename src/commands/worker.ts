import { startWorker } from '../start-server.js';

await startWorker();
