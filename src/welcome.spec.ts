import { Config } from './config/config.js';
import { welcomeText } from './welcome.js';

describe('the welcome', () => {
  const url = 'postgresql://tollgate:secret@db.example.com/tollgate';
  const config = Config.load({
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    COOKIE_KEYS: 'x'.repeat(40),
  });

  // Seen failing: the command that it printed made a database of its own, whose tokens the server refused.
  it('says that a command needs the DATABASE_URL of this start, and prints no password', () => {
    const text = welcomeText(config.connectedTo(url), [], true);
    expect(text).toContain('in this folder, with the same DATABASE_URL):');
    expect(text).not.toContain('secret');
  });

  it('needs nothing where the database is the embedded one', () => {
    expect(welcomeText(config.connectedTo(url), [], false)).not.toContain('DATABASE_URL');
  });
});
