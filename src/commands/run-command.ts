import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { createApp } from '../bootstrap.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { Config } from '../config/config.js';
import { DatabaseServer } from '../database/database-server.js';
import { exitOnSignal } from '../exit-on-signal.js';
import { explain } from '../explain-failure.js';
import { prepareDatabase } from '../prepare-database.js';

export const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** For progress and remarks, so that a command's output can be used in scripts. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`);

export interface CommandContext {
  config: Config;
  /** The application, wired but not initialised: services and repositories, no listeners and no timers. */
  app: INestApplicationContext;
  options: Record<string, string | boolean | undefined>;
}

export interface Command {
  usage: string;
  options?: ParseArgsOptionsConfig;
  /** Whether the command needs the tables; outside production they are then migrated and seeded first. */
  isPrepared?: boolean;
  /** Returns the process's exit code, 0 when nothing is returned. */
  run(context: CommandContext): Promise<number | void>;
}

/** Runs one command against the database of a running Tollgate, or starts the embedded server for its own duration. */
export async function runCommand(command: Command): Promise<never> {
  exitOnSignal();
  const exitCode = await execute(command);
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(exitCode);
}

/** Until a pipe has taken what was printed: an exit would throw the rest away. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

async function execute(command: Command): Promise<number> {
  let server: DatabaseServer | undefined;
  try {
    const options = readOptions(command);
    if (options['help']) {
      say(command.usage);
      return 0;
    }
    const config = Config.load();
    server = await DatabaseServer.join(config, note);
    const connected = config.connectedTo(server.url);
    const app = await createApp(connected);
    try {
      if (command.isPrepared) await prepareDatabase(app, connected, note);
      return (await command.run({ config: connected, app, options })) ?? 0;
    } finally {
      await app.close();
    }
  } catch (error) {
    note(explain(error));
    return 1;
  } finally {
    await server?.close();
  }
}

/** A command that needs no database of the installation. `run` is told by its signal that the person at the terminal wants an end. */
export interface LonelyCommand extends Pick<Command, 'usage' | 'options'> {
  run(options: CommandContext['options'], signal: AbortSignal): Promise<number | void>;
}

/** Runs one command that has nothing to do with the database of a running Tollgate. */
export async function runAlone(command: LonelyCommand): Promise<never> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopping.abort(new OperatorError('Stopped.')));
  }
  try {
    const options = readOptions(command);
    if (!options['help']) process.exit((await command.run(options, stopping.signal)) ?? 0);
    say(command.usage);
    process.exit(0);
  } catch (error) {
    note(explain(error));
    process.exit(1);
  }
}

function readOptions(command: Pick<Command, 'usage' | 'options'>): Record<string, string | boolean | undefined> {
  try {
    const { values } = parseArgs({
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      strict: true,
    });
    return values as Record<string, string | boolean | undefined>;
  } catch (error) {
    throw new OperatorError(`${(error as Error).message}\n\n${command.usage}`, { cause: error });
  }
}
