import { CliTokenService } from '../auth/oauth/cli-token.service.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { type Scope, SCOPES } from '../common/http/route-markers.js';
import { runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run -s token -- --email <user> --scope "<scopes>"

Prints an access token for scripts; it lives for an hour. Needs access to the database, not the user's password.
Scopes, separated by spaces: ${SCOPES.join(' ')}`;

await runCommand({
  usage: USAGE,
  options: { email: { type: 'string' }, scope: { type: 'string' } },
  isPrepared: true,
  async run({ app, options }) {
    const { email, scope } = options;
    if (typeof email !== 'string' || typeof scope !== 'string')
      throw new OperatorError(`--email and --scope are needed.\n\n${USAGE}`);
    say(await app.get(CliTokenService).issue({ email, scopes: parseScopes(scope) }));
  },
});

function parseScopes(text: string): Scope[] {
  const names = text.split(/[\s,]+/).filter(Boolean);
  const unknown = names.filter((name) => !SCOPES.includes(name as Scope));
  if (unknown.length > 0)
    throw new OperatorError(`Unknown scope: ${unknown.join(' ')}. There are: ${SCOPES.join(' ')}`);
  return names as Scope[];
}
