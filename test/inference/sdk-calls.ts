import type OpenAI from 'openai';

/** A tool that a model is offered over the Responses API. */
export const WEATHER_TOOL: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  strict: null,
};

/** What a request was refused with, as the error class of its client. */
export async function refusalOf<Refusal extends Error>(
  request: Promise<unknown>,
  kind: abstract new (...parts: never[]) => Refusal,
): Promise<Refusal> {
  const thrown = await request.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(kind);
  return thrown as Refusal;
}

/** A `fetch` that tells how often a client really asked. */
export function countingFetch(): { fetch: typeof fetch; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    fetch: (input, init) => {
      calls += 1;
      return fetch(input, init);
    },
  };
}

/** An answer without what may change between it and its replay. */
export function withoutBalance(body: object): string {
  return JSON.stringify(body).replace(/credits_remaining[^,}]+/g, '');
}
