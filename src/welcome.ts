import type { DevelopmentAccount } from '../seeders/development.seed.js';
import type { Config } from './config/config.js';

const PORT_DEFAULT = 3_000;
const SCOPES = 'llm.inference models.read user.info credits.read';

/**
 * What a newcomer needs next, each line ready to be copied. `isDatabaseGiven` says that DATABASE_URL was set for this start: it is not printed,
 * because there may be a password in it, and without it a command would make a database of its own.
 */
export function welcomeText(config: Config, accounts: DevelopmentAccount[], isDatabaseGiven: boolean): string {
  if (config.isProduction) return productionText(config);
  const url = config.publicUrl;
  return [
    '',
    `Tollgate is running at ${url}${config.sandbox ? ' (sandbox: every model answers without a provider account)' : ''}`,
    '',
    ...accountLines(accounts),
    `  Get a token (in another terminal, in this folder${isDatabaseGiven ? ', with the same DATABASE_URL' : ''}):`,
    `    TOKEN=$(${settingsOf(config)}npm run -s token -- --email demo@example.com --scope "${SCOPES}")`,
    '',
    '  Ask a model:',
    `    ${chatCommand(url)}`,
    '',
    '  See what it cost:',
    `    curl -s ${url}/v1/me/credits -H "Authorization: Bearer $TOKEN"`,
    '',
    `  Sign in as a desktop app does: ${url}/.well-known/openid-configuration`,
    `  Every route:                   ${url}/docs`,
    '  Ctrl-C ends it; the data stays.',
    '',
  ].join('\n');
}

function productionText({ publicUrl, smtpUrl }: Config): string {
  const running = `Tollgate is running at ${publicUrl}`;
  if (smtpUrl !== undefined) return running;
  return `${running}\nSMTP_URL is not set: no mail is sent, so nobody can confirm an address or reset a password.`;
}

/** What this start was told, for a command that must find the same database and issue for the same address. */
function settingsOf(config: Config): string {
  const settings = [
    config.port !== PORT_DEFAULT && `PORT=${config.port}`,
    config.publicUrl !== `http://localhost:${config.port}` && `PUBLIC_URL=${config.publicUrl}`,
    config.isDataDirChosen && `DATA_DIR='${config.dataDir}'`,
  ];
  return settings.flatMap((setting) => (setting ? [`${setting} `] : [])).join('');
}

function accountLines(accounts: DevelopmentAccount[]): string[] {
  if (accounts.length === 0) return [];
  return [
    '  Accounts made for you (the passwords are shown this once):',
    ...accounts.map((account) => `    ${account.email}  ${account.password}  ${account.description}`),
    '',
  ];
}

function chatCommand(url: string): string {
  const body = JSON.stringify({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] });
  return `curl -s ${url}/v1/chat/completions -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '${body}'`;
}

export function helpText(): string {
  return [
    'Usage: npm start',
    '',
    'Runs Tollgate: the API, sign-in and jobs in one process. Without DATABASE_URL it brings its own PostgreSQL,',
    'with its data in .data; outside production every model is answered by the sandbox.',
    '',
    'The most used variables (all are in .env.example; a .env file is read):',
    '  PORT=3000                 where it listens',
    '  PUBLIC_URL                the address that clients use; also the issuer of tokens',
    '  DATABASE_URL              a PostgreSQL 16 or newer instead of the embedded one',
    '  DATA_DIR=.data            where the embedded database and local secrets are kept',
    '',
    'Other commands:',
    '  npm run token -- --email demo@example.com --scope "llm.inference models.read"   prints an access token',
    '  npm run admin -- --email you@example.com                                        makes an operator',
    '  npm run migrate | migrate:status | migrate:down | seed | db:reset               the tables and what is in them',
    '  npm run db:verify | reconcile                                                   is the schema right; do the books balance',
    '  npm test                                                                        the whole suite',
  ].join('\n');
}
