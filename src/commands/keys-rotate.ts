import { KeyRotation } from '../auth/oauth/key-rotation.service.js';
import { runCommand, say } from './run-command.js';

const USAGE = `Usage: npm run keys:rotate [-- --emergency]

Begins a rotation of the keys that sign tokens: the new keys are published now, sign in ten minutes, and the old ones go a day later. The
running servers take these steps by themselves and nobody is signed out.

  --emergency   for keys that somebody else may have: the new keys sign at once and all access tokens are refused; clients refresh`;

await runCommand({
  usage: USAGE,
  options: { emergency: { type: 'boolean' } },
  isPrepared: true,
  async run({ app, options }) {
    const rotation = app.get(KeyRotation);
    const cause = { actorId: null, reason: 'npm run keys:rotate' };
    const isEmergency = options['emergency'] === true;
    const { next } = await (isEmergency ? rotation.rotateInEmergency(cause) : rotation.rotate(cause));
    if (isEmergency)
      say('New keys sign from now on. Every access token from before is refused; clients refresh by themselves.');
    else if (next > 0) say('New keys are published. They sign in ten minutes; the old ones go a day later.');
    else say('A rotation is under way already; GET /admin/keys shows its next step.');
  },
});
