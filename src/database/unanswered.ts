import type { Client } from 'pg';

/**
 * Closes the connection when a statement has no answer after `answerMsMax`. The statement then fails as with any lost connection, so whoever
 * sent it knows that it may have been carried out, and the pool makes a new connection in its place.
 */
export function endUnanswered(client: Client, answerMsMax: number): void {
  const query = client.query.bind(client) as (...statement: unknown[]) => unknown;
  const watched = (...statement: unknown[]): unknown => {
    const answer = query(...statement);
    if (!(answer instanceof Promise)) return answer;
    // With a statement under way the driver does not wait for a goodbye.
    const timer = setTimeout(() => void client.end().catch(() => undefined), answerMsMax);
    return answer.finally(() => clearTimeout(timer));
  };
  Object.assign(client, { query: watched });
}
