import { isEmailAddress } from '../auth/identity/email-address.js';
import { UserAdminService } from '../auth/identity/user-admin.service.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run admin -- --email <user>

Makes an operator: promotes the user, or creates one with a password that is shown once.`;

await runCommand({
  usage: USAGE,
  options: { email: { type: 'string' } },
  isPrepared: true,
  async run({ app, options }) {
    const { email } = options;
    if (typeof email !== 'string') throw new OperatorError(`--email is needed.\n\n${USAGE}`);
    if (!isEmailAddress(email)) throw new OperatorError(`"${email}" is no e-mail address.`);
    const { password } = await app.get(UserAdminService).createOperator(email);
    say(password === null ? `${email} is an operator.` : `${email} is an operator. Password (shown once): ${password}`);
  },
});
