import type { BenchUser } from './analysis-stage.js';

/** Requests under way at once. */
const PARALLEL = 32;

/** One analysis of a user, taken over HTTP; its id. */
export async function sendAnalysis(url: string, { token }: BenchUser, subject: string): Promise<string> {
  const answer = await fetch(`${url}/v1/analyses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ subject, kind: 'sentiment', text: 'A good day at work. I am proud of what we made.' }),
  });
  if (answer.status !== 202) throw new Error(`an analysis was answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { id: string }).id;
}

/** So many analyses of all users in turns, as fast as they are taken; how many a second that was. */
export async function sendAnalyses(url: string, users: readonly BenchUser[], count: number): Promise<number> {
  const began = performance.now();
  let sent = 0;
  const send = async (): Promise<void> => {
    while (sent < count) {
      const number = sent;
      sent += 1;
      await sendAnalysis(url, users[number % users.length]!, `entry-${number}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, send));
  return count / ((performance.now() - began) / 1_000);
}
