import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import packaged, { inflate } from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

/** Not the package's own arguments: those switch off web security and put everything in one process, which would prove nothing. */
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--headless=new'];

/** Where systems keep a browser; used where the packaged one is not made for the machine. */
const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** A real Chromium: the packaged one, with the shared libraries that it carries where the system lacks them, else an installed one. */
export async function launchChromium(): Promise<Browser> {
  const attempts = [
    async () => launch(await packaged.executablePath()),
    async () => launch(await packaged.executablePath(), await packagedLibraries()),
    ...INSTALLED.filter((path) => existsSync(path)).map((path) => () => launch(path)),
  ];
  const failures: string[] = [];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new Error(`No Chromium could be started; installing one as /usr/bin/chromium helps.\n${failures.join('\n')}`);
}

function launch(executablePath: string, libraries?: string): Promise<Browser> {
  const env = libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
  return chromium.launch({ executablePath, args: ARGUMENTS, env: env as Record<string, string> });
}

/** What the package would unpack by itself on a serverless host, which has none of these libraries either. */
async function packagedLibraries(): Promise<string> {
  const archive = new URL('../bin/al2023.tar.br', import.meta.resolve('@sparticuz/chromium'));
  await inflate(fileURLToPath(archive));
  return join(tmpdir(), 'al2023', 'lib');
}
