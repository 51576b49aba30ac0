import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/<pid>/stat on Linux. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

interface ProcessStat {
  parentPid: number;
  cpuMs: number;
  /** Of children that ended and were waited for. */
  endedChildrenCpuMs: number;
  residentBytes: number;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    const msOf = (first: number): number =>
      ((Number(fields[first]) + Number(fields[first + 1])) * 1_000) / TICKS_PER_SECOND;
    return {
      parentPid: Number(fields[1]),
      cpuMs: msOf(11),
      endedChildrenCpuMs: msOf(13),
      residentBytes: Number(fields[21]) * PAGE_BYTES,
    };
  } catch {
    return undefined; // the process ended, or this is not Linux
  }
}

/** CPU time that the process has used so far, in all its threads. Undefined where there is no /proc. */
export function cpuMsOf(pid: number): number | undefined {
  return readStat(pid)?.cpuMs;
}

/** CPU time of this process's children that have ended; 0 where there is no /proc. */
export function endedChildrenCpuMs(): number {
  return readStat(process.pid)?.endedChildrenCpuMs ?? 0;
}

export function residentBytesOf(pid: number): number | undefined {
  return readStat(pid)?.residentBytes;
}

/** CPU time of a process and its children, e.g. of a PostgreSQL and its backends, those that have ended included. */
export function familyCpuMs(pid: number): number | undefined {
  const own = readStat(pid);
  if (own === undefined) return undefined;
  const children = readdirSync('/proc')
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat?.parentPid === pid);
  return children.reduce((sum, stat) => sum + stat!.cpuMs, own.cpuMs + own.endedChildrenCpuMs);
}
