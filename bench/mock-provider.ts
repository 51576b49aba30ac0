import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The provider of the benchmark, in a process of its own and as fast as it can be: constant answers, plain and streamed, after `--delay`
 * milliseconds. It bills every answer to the key that asked, so that the books of a contender can be compared with it: `GET /billed`.
 */
const USAGE = { prompt_tokens: 250, completion_tokens: 20, total_tokens: 270 };
const WORDS = 'The quick brown fox jumps over the lazy dog and goes on its way home.'.split(/(?<= )/);

const label = { id: 'chatcmpl-bench', created: 1_780_000_000, model: 'gpt-5-nano' };
const completionOf = (content: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...label,
      object: 'chat.completion',
      choices: [
        { index: 0, message: { role: 'assistant', content, refusal: null }, logprobs: null, finish_reason: 'stop' },
      ],
      usage: USAGE,
    }),
  );
const completion = completionOf(WORDS.join(''));
/** What fits the kind of analysis that the benchmark asks for. */
const analysis = completionOf('{"sentiment":"positive","score":0.8,"themes":["work"]}');
const chunk = (delta: object, finishReason: string | null): string =>
  `data: ${JSON.stringify({ ...label, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }] })}\n\n`;
const streamed = Buffer.from(
  [
    chunk({ role: 'assistant', content: '' }, null),
    ...WORDS.map((content) => chunk({ content }, null)),
    chunk({}, 'stop'),
    `data: ${JSON.stringify({ ...label, object: 'chat.completion.chunk', choices: [], usage: USAGE })}\n\n`,
    'data: [DONE]\n\n',
  ].join(''),
);

const delayMs = Number(process.argv[2] ?? 0);
const billed = new Map<string, { requests: number; promptTokens: number; completionTokens: number }>();

function bill(key: string): void {
  const account = billed.get(key) ?? { requests: 0, promptTokens: 0, completionTokens: 0 };
  account.requests += 1;
  account.promptTokens += USAGE.prompt_tokens;
  account.completionTokens += USAGE.completion_tokens;
  billed.set(key, account);
}

const server = createServer((request, response) => {
  if (request.url === '/billed') return void response.end(JSON.stringify(Object.fromEntries(billed)));
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const isStream = body.includes('"stream":true');
    const plain = body.includes('"record_result"') ? analysis : completion;
    const answer = (): void => {
      bill(request.headers.authorization ?? '');
      response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
      response.end(isStream ? streamed : plain);
    };
    if (delayMs > 0) void sleep(delayMs).then(answer);
    else answer();
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as { port: number }).port}\n`));
