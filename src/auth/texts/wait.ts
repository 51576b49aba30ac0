type Unit = readonly [one: string, many: string];

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** A duration in its largest fitting unit, rounded up: nobody is told to come back too early. */
export function wait(durationMs: number, units: Record<'second' | 'minute' | 'hour', Unit>): string {
  if (durationMs < 90 * SECOND_MS) return count(durationMs / SECOND_MS, units.second);
  if (durationMs < 90 * MINUTE_MS) return count(durationMs / MINUTE_MS, units.minute);
  return count(durationMs / HOUR_MS, units.hour);
}

function count(amount: number, [one, many]: Unit): string {
  const whole = Math.ceil(amount);
  return `${whole} ${whole === 1 ? one : many}`;
}

export const germanUnits = {
  second: ['Sekunde', 'Sekunden'],
  minute: ['Minute', 'Minuten'],
  hour: ['Stunde', 'Stunden'],
} as const;
