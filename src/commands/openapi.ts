import { writeFileSync } from 'node:fs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { API_DESCRIPTION_FILE, describeApi } from '../openapi.js';
import { runCommand, say } from './run-command.js';

await runCommand({
  usage: `Usage: npm run openapi

Writes docs/openapi.json, the description of every route that a running server has at /openapi.json. For developers, after a change of routes.`,
  run({ config, app }) {
    writeFileSync(
      API_DESCRIPTION_FILE,
      `${JSON.stringify(describeApi(app as NestFastifyApplication, config), null, 2)}\n`,
    );
    say('Wrote docs/openapi.json.');
    return Promise.resolve();
  },
});
