/** A slip of the keyboard must not give more than anyone would: a million credits. */
export const GRANT_UCR_MAX = 1_000_000_000_000n;
