import type { FetchFunction } from '@ai-sdk/provider-utils';
import { type Dispatcher, fetch as send, type RequestInit } from 'undici';

/** Looks at an answer on its way to the library that reads it. */
type Observer = (response: Response) => Promise<Response>;

/** A `fetch` over this server's own connections, which are bounded and watched like those to every other provider. */
export function fetchThrough(dispatcher: Dispatcher, observe: Observer): FetchFunction {
  return async (input, init) => {
    const response = await send(input as string, { ...(init as unknown as RequestInit), dispatcher });
    return observe(response as unknown as Response);
  };
}
