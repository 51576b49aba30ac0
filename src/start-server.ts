import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import { createApp, listen } from './bootstrap.js';
import { OperatorError } from './common/errors/operator-error.js';
import { stopAccepting } from './common/http/closing.js';
import { Config } from './config/config.js';
import { DatabaseServer } from './database/database-server.js';
import { exitOnSignal } from './exit-on-signal.js';
import { explain } from './explain-failure.js';
import { prepareDatabase } from './prepare-database.js';
import { helpText, welcomeText } from './welcome.js';

/** Open streams get this long to end and settle; then the process goes anyway and the sweeper frees what it held. */
const SHUTDOWN_MS_MAX = 30_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const WORKER_HELP = `Usage: npm run worker

Works off the background jobs and queues of an installation without serving its API; any number may run. It is set up by the same variables
as \`npm start\` (.env.example); Ctrl-C ends it, and what waits stays.`;

/** Servers are set up by variables: an option is a question for help, or a mistake that must not start one on other settings than were meant. */
function isAnswered(args: string[], help: string): boolean {
  const [unknown] = args.filter((arg) => arg !== '--help' && arg !== '-h');
  if (unknown !== undefined) {
    process.stderr.write(`Unknown option '${unknown}'\n\n${help}\n`);
    process.exitCode = 1;
  } else if (args.length > 0) say(help);
  return args.length > 0;
}

/** `npm start`: opens the database, migrates and seeds it, listens, and ends in order on SIGTERM or Ctrl-C. */
export async function startServer(args: string[]): Promise<void> {
  if (isAnswered(args, helpText())) return;
  let server: DatabaseServer | undefined;
  const lift = exitOnSignal();
  try {
    const config = Config.load();
    say('Starting Tollgate …');
    server = await DatabaseServer.open(config, say);
    const connected = config.connectedTo(server.url);
    const app = await createApp(connected);
    const accounts = await prepareDatabase(app, connected, say);
    // In development nothing but this machine is let in; in production a load balancer or container network is.
    await listen(app, connected.port, connected.isProduction ? '0.0.0.0' : 'localhost');
    lift();
    endOnSignal(app, server, 'open requests are finished and settled first');
    say(welcomeText(connected, accounts, config.databaseUrl !== undefined));
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    await server?.close();
    process.exit(1);
  }
}

/** `npm run worker`: the jobs of an installation without its API. It joins the embedded database of a running Tollgate. */
export async function startWorker(args: string[]): Promise<void> {
  if (isAnswered(args, WORKER_HELP)) return;
  let server: DatabaseServer | undefined;
  const lift = exitOnSignal();
  try {
    const config = Config.load();
    if (!config.runsJobs) throw new OperatorError('A worker runs jobs, and JOBS is off. Unset it.');
    server = await DatabaseServer.join(config, say);
    const connected = config.connectedTo(server.url);
    const app = await createApp(connected);
    await prepareDatabase(app, connected, say);
    await app.init();
    app.useLogger(app.get(Logger));
    lift();
    endOnSignal(app, server, 'jobs that run are finished first');
    say('Tollgate works off its jobs. Ctrl-C ends it; what waits stays.');
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    await server?.close();
    process.exit(1);
  }
}

function endOnSignal(app: NestFastifyApplication, server: DatabaseServer, remark: string): void {
  let isEnding = false;
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    say(`Ending: ${remark} …`);
    const forced = setTimeout(() => process.exit(1), SHUTDOWN_MS_MAX);
    try {
      // Before anything is waited for: a replica that refuses what it still takes looks idle, and is sent the more.
      void stopAccepting(app.getHttpServer());
      await app.close();
    } finally {
      await server.close();
    }
    clearTimeout(forced);
    say('Ended.');
    process.exit(0);
  };
  const endOrExplain = (): void => {
    end().catch((error: unknown) => {
      process.stderr.write(`${explain(error)}\n`);
      process.exit(1);
    });
  };
  process.on('SIGTERM', endOrExplain);
  process.on('SIGINT', endOrExplain);
  process.on('SIGHUP', endOrExplain); // the terminal was closed
}
