/** What the process ends with, so that scripts can tell the cases apart. */
export const EXIT_CODES = {
  /** Something that this client does not know. */
  unknown: 1,
  usage: 2,
  /** There is no sign-in that can be used, or the attempt to make one failed. */
  signIn: 3,
  /** The server answered, and the answer is no. */
  refused: 4,
  /** Nobody answered, or the answer broke off. */
  unavailable: 5,
} as const;

export type FailureKind = keyof typeof EXIT_CODES;

/** An expected failure. Its message is what the user reads: one sentence that names the way out. */
export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

/** The error and what caused it, from the outside in. */
export function* causesOf(error: unknown): Generator<Error & { code?: unknown }> {
  for (let current = error; current instanceof Error; current = current.cause) yield current;
}
