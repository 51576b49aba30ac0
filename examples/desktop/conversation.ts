import { createInterface } from 'node:readline';
import { APIUserAbortError } from 'openai';
import type { Chat, Output } from './chat.js';
import { EXIT_CODES, type Failure } from './failure.js';

export interface Conversation {
  chat: Chat;
  output: Output;
  explain: (error: unknown) => Failure;
}

/** Asks what the person types, line by line, to the end of the input. Ctrl-C stops an answer, and between answers the program. */
export async function converse({ chat, output, explain }: Conversation): Promise<number> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: process.stdin.isTTY,
    prompt: '> ',
  });
  let answering: AbortController | null = null;
  let exitCode = 0;
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()));
  let isOpen = true;
  lines.once('close', () => (isOpen = false));
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === '/quit') break;
    answering = new AbortController();
    try {
      await obey(line.trim(), chat, answering.signal);
    } catch (error) {
      if (error instanceof APIUserAbortError) {
        output.note('(Stopped; what had come is charged.)');
      } else {
        const failure = explain(error);
        output.note(failure.message);
        if (failure.exitCode === EXIT_CODES.signIn) {
          lines.close();
          return failure.exitCode;
        }
        // A person has read it; a script that pipes its questions in has not.
        if (!process.stdin.isTTY) exitCode = failure.exitCode;
      }
    }
    answering = null;
    if (isOpen) lines.prompt();
  }
  lines.close();
  return exitCode;
}

async function obey(line: string, chat: Chat, signal: AbortSignal): Promise<void> {
  const [command, argument] = line.split(/\s+/);
  if (line === '') return;
  if (command === '/new') chat.forget();
  else if (command === '/credits') await chat.noteCredits();
  else if (command === '/model' && argument) chat.settings.model = argument;
  else await chat.ask(line, signal);
}
