/** Longer than any provider's window; whoever asks for more is asked again after this. */
const WAIT_MS_MAX = 3_600_000;

/**
 * How long a provider asks to be left alone, by the headers of its refusal: in milliseconds, as OpenAI and Azure tell it, in seconds, or until a
 * date. Undefined where it says nothing, or nothing that is a wait.
 */
export function askedWaitMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | undefined {
  const { 'retry-after-ms': inMs, 'retry-after': told } = headers;
  const waits = [numberOf(inMs), numberOf(told) * 1_000, typeof told === 'string' ? Date.parse(told) - nowMs : NaN];
  const wait = waits.find((ms) => Number.isFinite(ms));
  return wait !== undefined && wait > 0 ? Math.min(wait, WAIT_MS_MAX) : undefined;
}

function numberOf(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : NaN;
}
