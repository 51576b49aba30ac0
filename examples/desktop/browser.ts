import { spawn } from 'node:child_process';

/** Opens `address` in the system's browser, never in a window of ours: an app must not be able to see the password (RFC 8252 section 8.12). */
export function openBrowser(address: URL, note: (text: string) => void): void {
  note(`Opening your browser to sign in. If nothing opens, go to:\n${address.href}`);
  const [command, ...args] = browserCommand(address.href);
  const browser = spawn(command, args, { stdio: 'ignore', detached: true });
  browser.once('error', () =>
    note(`The browser could not be started with ${command}; open the address above yourself.`),
  );
  browser.unref();
}

function browserCommand(address: string): [string, ...string[]] {
  const [chosen, ...args] = (process.env['BROWSER'] ?? '').split(/\s+/).filter(Boolean);
  if (chosen) {
    const filled = args.map((argument) => argument.replaceAll('%s', address));
    return args.some((argument) => argument.includes('%s')) ? [chosen, ...filled] : [chosen, ...args, address];
  }
  switch (process.platform as string) {
    case 'darwin':
      return ['open', address];
    case 'win32':
      // `start` is a command of the shell, which would read the ampersands in the address.
      return ['rundll32', 'url.dll,FileProtocolHandler', address];
    default:
      return ['xdg-open', address];
  }
}
