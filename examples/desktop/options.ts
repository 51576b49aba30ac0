import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from './failure.js';

const DEFAULT_SERVER = 'http://localhost:3000';
const DEFAULT_MODEL = 'sandbox-echo';
/** Long enough to look a password up; after that the browser was closed. */
const DEFAULT_WAIT_SECONDS = 300;

export const HELP = `Usage: npm run desktop -- [options]

Signs in through your browser, then chats with a model in the terminal. The sign-in is kept for the next start.

  --once "<prompt>"   asks this and ends: the answer goes to standard output, everything else to standard error
  --model <id>        the model to ask (default ${DEFAULT_MODEL})
  --models            lists the models that your plan may use
  --set <name=value>  sends a parameter with every request, e.g. --set temperature=0.2; may be repeated
  --server <address>  the Tollgate to use (default ${DEFAULT_SERVER})
  --email <address> --password-stdin
                      fills in the sign-in page with this address and the password from standard input
  --wait <seconds>    how long to wait for the browser (default ${DEFAULT_WAIT_SECONDS})
  --sign-out          ends the sign-in, here and on the server
  --help              shows this

In the chat: /new begins anew, /model <id> changes the model, /credits shows what is left, /quit ends.
$BROWSER names another browser; $DEBUG=1 shows where a failure happened.
Exit codes: 0 done, 2 wrong options, 3 no usable sign-in, 4 refused by the server, 5 no answer, 1 anything else.`;

export interface Options {
  action: 'chat' | 'once' | 'models' | 'sign-in' | 'sign-out' | 'help';
  server: URL;
  model: string;
  /** Sent with every request beside the model and the messages. */
  parameters: Record<string, unknown>;
  prompt: string;
  /** Who signs in over HTTP, without a browser; the password comes from standard input. */
  email: string | null;
  waitMs: number;
}

/** @throws Failure of kind `usage` */
export function parseOptions(args: string[]): Options {
  const values = parseValues(args);
  if ((values.email !== undefined) !== (values['password-stdin'] === true))
    throw new Failure('usage', '--email and --password-stdin only work together.');
  if (values.once?.trim() === '') throw new Failure('usage', '--once needs a prompt: --once "Hello".');
  return {
    action: actionOf(values),
    server: parseServer(values.server),
    model: values.model,
    parameters: Object.fromEntries(values.set.map(parseParameter)),
    prompt: values.once ?? '',
    email: values.email ?? null,
    waitMs: parseSeconds(values.wait) * 1000,
  };
}

function parseValues(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        server: { type: 'string', default: DEFAULT_SERVER },
        model: { type: 'string', default: DEFAULT_MODEL },
        set: { type: 'string', multiple: true, default: [] },
        once: { type: 'string' },
        models: { type: 'boolean' },
        email: { type: 'string' },
        'password-stdin': { type: 'boolean' },
        wait: { type: 'string', default: String(DEFAULT_WAIT_SECONDS) },
        'sign-out': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new Failure('usage', `${(error as Error).message.replace(/\.?$/, '')} (--help lists the options).`, error);
  }
}

function actionOf(values: ReturnType<typeof parseValues>): Options['action'] {
  if (values.help) return 'help';
  if (values['sign-out']) return 'sign-out';
  if (values.models) return 'models';
  if (values.once !== undefined) return 'once';
  // Standard input was the password: nothing is left of it to chat with.
  return values['password-stdin'] ? 'sign-in' : 'chat';
}

function parseServer(text: string): URL {
  const server = URL.parse(text);
  if (!server || !/^https?:$/.test(server.protocol))
    throw new Failure('usage', `--server ${text} is no address such as ${DEFAULT_SERVER}.`);
  if (server.protocol === 'http:' && !isLoopback(server))
    throw new Failure('usage', `--server ${text} has to begin with https://, or anybody on the way could read along.`);
  return new URL(server.origin);
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** `temperature=0.2`; a value that is no JSON is taken as text. */
function parseParameter(text: string): [string, unknown] {
  const separator = text.indexOf('=');
  if (separator < 1) throw new Failure('usage', `--set ${text} is not of the form name=value.`);
  const value = text.slice(separator + 1);
  try {
    return [text.slice(0, separator), JSON.parse(value)];
  } catch {
    return [text.slice(0, separator), value];
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 3600) return seconds;
  throw new Failure('usage', `--wait ${text} is no number of seconds from 1 to 3600.`);
}

/** Where the sign-in at `server` is kept: one file per server, in the folder that the system has for such things. */
export function tokenFilePath(server: URL): string {
  const name = `${server.host.replaceAll(/[^\w.-]/g, '_')}.json`;
  return join(configurationFolder(), 'tollgate-desktop', name);
}

function configurationFolder(): string {
  const { XDG_CONFIG_HOME, APPDATA } = process.env;
  if (process.platform === 'win32') return APPDATA || join(homedir(), 'AppData', 'Roaming');
  if (XDG_CONFIG_HOME) return XDG_CONFIG_HOME;
  return process.platform === 'darwin' ? join(homedir(), 'Library', 'Application Support') : join(homedir(), '.config');
}
