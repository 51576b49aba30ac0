/** Not a failure: the client's key has been answered before, by another request. */
export class AnsweredBefore extends Error {
  constructor(
    readonly requestId: string,
    /** What the user has now. */
    readonly availableUcr: bigint,
  ) {
    super(`answered before by request ${requestId}`);
  }
}
