const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Until a process can end in order, a signal ends it at once, by an exit: one that a signal kills would leave its embedded database behind, and
 * as process 1 of a container it would not end at all. Returns what lifts this.
 */
export function exitOnSignal(): () => void {
  const exits = Object.entries(SIGNALS).map(([signal, number]) => {
    const exit = (): never => process.exit(128 + number);
    process.on(signal, exit);
    return () => process.off(signal, exit);
  });
  return () => exits.forEach((lift) => lift());
}
