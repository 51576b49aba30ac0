import { isIP } from 'node:net';
import { SignInBlocks } from '../auth/identity/sign-in-blocks.service.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run unblock -- --email <user> | --ip <address>

Forgets failed sign-ins, so that somebody who is made to wait may try again at once. A block ends by itself too, after 15 minutes at most.

  --email   of one account, from wherever they came
  --ip      from one address, such as an office behind one, to whatever account`;

await runCommand({
  usage: USAGE,
  options: { email: { type: 'string' }, ip: { type: 'string' } },
  isPrepared: true,
  async run({ app, options: { email, ip } }) {
    const blocks = app.get(SignInBlocks);
    const cause = { actorId: null, reason: 'npm run unblock' };
    if (typeof email === 'string' && ip === undefined) say(describe(await blocks.liftFor(email, cause)));
    else if (typeof ip === 'string' && email === undefined) {
      if (isIP(ip) === 0) throw new OperatorError(`"${ip}" is no IP address.`);
      say(describe(await blocks.liftAddress(ip, cause)));
    } else throw new OperatorError(`Either --email or --ip is needed.\n\n${USAGE}`);
  },
});

function describe(forgotten: number): string {
  return forgotten === 0
    ? 'Nothing was counted there, so nothing blocks.'
    : `Forgotten: ${forgotten} counts. The next attempt is free.`;
}
