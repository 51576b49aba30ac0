import { isEmailAddress } from '../auth/identity/email-address.js';
import { UserAdminService } from '../auth/identity/user-admin.service.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run admin -- --email <user> [--forget-factors]

Makes an operator: promotes the user, or creates one with a password that is shown once.

  --forget-factors  instead ends the second factors and sign-ins of a user who has lost them; the password stays`;

await runCommand({
  usage: USAGE,
  options: { email: { type: 'string' }, 'forget-factors': { type: 'boolean' } },
  isPrepared: true,
  async run({ app, options }) {
    const { email } = options;
    if (typeof email !== 'string') throw new OperatorError(`--email is needed.\n\n${USAGE}`);
    if (!isEmailAddress(email)) throw new OperatorError(`"${email}" is no e-mail address.`);
    if (options['forget-factors'] === true) {
      await app.get(UserAdminService).forgetFactors(email);
      return say(`${email} signs in with the password alone, once, and sets up a second factor anew.`);
    }
    const { password } = await app.get(UserAdminService).createOperator(email);
    say(password === null ? `${email} is an operator.` : `${email} is an operator. Password (shown once): ${password}`);
  },
});
