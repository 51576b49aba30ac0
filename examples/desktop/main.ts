import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import type { Configuration } from 'openid-client';
import { discover } from './authorization-server.js';
import { openBrowser } from './browser.js';
import { Chat, type Output } from './chat.js';
import { converse } from './conversation.js';
import { explain } from './explain.js';
import { causesOf } from './failure.js';
import { HELP, parseOptions, tokenFilePath, type Options } from './options.js';
import { fillInPages } from './page-filler.js';
import { Session } from './session.js';
import { signIn } from './sign-in.js';
import { TokenFile } from './token-file.js';

const output: Output = {
  print: (line) => void process.stdout.write(line),
  note: (line) => void process.stderr.write(`${line}\n`),
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let server = new URL('http://localhost');
  try {
    const options = parseOptions(args);
    server = options.server;
    return await run(options);
  } catch (error) {
    const failure = explain(error, server);
    output.note(failure.message);
    if (process.env['DEBUG']) for (const { stack } of causesOf(failure)) output.note(stack ?? '');
    return failure.exitCode;
  }
}

async function run(options: Options): Promise<number> {
  if (options.action === 'help') {
    output.print(`${HELP}\n`);
    return 0;
  }
  const file = new TokenFile(tokenFilePath(options.server));
  let discovered: Promise<Configuration> | undefined;
  const configuration = () => (discovered ??= discover(options.server, output.note));
  const session = new Session(file, configuration);
  if (options.action === 'sign-out') {
    const outcome = await session.signOut();
    output.note(outcome === 'done' ? 'Signed out.' : `Nobody is signed in at ${options.server.origin}.`);
    return 0;
  }
  await ensureSignedIn({ options, file, session, configuration });
  return act(options, session);
}

async function act(options: Options, session: Session): Promise<number> {
  const openai = new OpenAI({
    baseURL: `${options.server.origin}/v1`,
    apiKey: 'set by the session',
    fetch: session.fetch,
    // An answer that was lost on the way has been charged: whether to ask again is the person's to say.
    maxRetries: 0,
  });
  const chat = new Chat(openai, { model: options.model, parameters: options.parameters }, output);
  if (options.action === 'models') await chat.printModels();
  else if (options.action === 'once') await chat.ask(options.prompt);
  else await chat.noteCredits();
  if (options.action !== 'chat') return 0;
  return converse({ chat, output, explain: (error) => explain(error, options.server) });
}

interface SignInParts {
  options: Options;
  file: TokenFile;
  session: Session;
  configuration: () => Promise<Configuration>;
}

/** Uses the sign-in that is kept, unless it is another person's than the one asked for. */
async function ensureSignedIn({ options, file, session, configuration }: SignInParts): Promise<void> {
  const { email, waitMs } = options;
  const stored = file.read();
  if (stored && (email === null || stored.email.toLowerCase() === email.toLowerCase())) return;
  const password = email === null ? '' : (await text(process.stdin)).replace(/\r?\n$/, '');
  const visit = (address: URL) =>
    email === null ? openBrowser(address, output.note) : fillInPages(address, { email, password });
  const tokens = await signIn({ configuration: await configuration(), visit, waitMs });
  await session.begin(tokens);
  output.note(`Signed in as ${tokens.email}.`);
}
