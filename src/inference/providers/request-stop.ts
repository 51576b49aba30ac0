import type { Dispatcher } from 'undici';

/** Aborts a request when its signal does, for as long as it runs. */
export class RequestStop {
  private stop = (): void => undefined;

  constructor(private readonly signal: AbortSignal) {}

  /** Once for each time that the request is sent: one that a connection did not take is sent again on another. */
  begin(controller: Dispatcher.DispatchController): void {
    this.end();
    this.stop = () => controller.abort(this.signal.reason as Error);
    if (this.signal.aborted) this.stop();
    else this.signal.addEventListener('abort', this.stop, { once: true });
  }

  end(): void {
    this.signal.removeEventListener('abort', this.stop);
  }
}
