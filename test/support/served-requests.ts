/** What a mock is working on. */
export class ServedRequests {
  private readonly underWay = new Set<Promise<void>>();

  add(work: Promise<void>): void {
    const served = work.finally(() => this.underWay.delete(served));
    this.underWay.add(served);
  }

  /** Until nothing is worked on, not even what nobody waits for any more: that is billed as well. */
  async idle(): Promise<void> {
    await Promise.all(this.underWay);
  }
}
