import { readFileSync } from 'node:fs';

const SAMPLE_MS = 200;

export interface PeakMemory {
  clientPeakMebibytes: number;
  /** Memory of its own of the largest server process. */
  backendPeakMebibytes: number;
}

/** The most memory that this process, and any one of the server's that works for a client, has had for itself since. */
export function watchMemory(serverPid: number): { stop(): PeakMemory } {
  let [client, backend] = [0, 0];
  const look = (): void => {
    client = Math.max(client, process.memoryUsage.rss() / 1_048_576);
    backend = Math.max(backend, ...childrenOf(serverPid).map(ownMebibytesOf));
  };
  look();
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return { clientPeakMebibytes: client, backendPeakMebibytes: backend };
    },
  };
}

function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** What is not shared with others, which leaves out the buffers; 0 for a process that works for no client, such as a vacuum. */
function ownMebibytesOf(pid: string): number {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('postgres: tollgate ')) return 0;
    return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
