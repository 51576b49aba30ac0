/** One question that a page of the console or of an account asks. */
export interface Question {
  name: string;
  path: string;
  as: 'operator' | 'user';
}

/** A server, and as whom it is asked. */
export interface Answering {
  url: string;
  token: string;
}

export type Askers = Record<Question['as'], Answering>;

/** @throws Error when it is answered with anything but 200 */
export async function ask({ url, token }: Answering, path: string, body?: object): Promise<Response> {
  const answer = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
