import { createServer } from 'node:http';
import { Agent, request as send } from 'undici';

/** The least that any gateway on this runtime does: take a body, send it on, relay the answer. The limit that others are compared with. */
const upstream = process.argv[2]!;
const dispatcher = new Agent({ connections: 512 });

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const { authorization } = request.headers;
    send(`${upstream}/chat/completions`, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json', authorization: authorization ?? '' },
      body: Buffer.concat(parts),
    })
      .then((answer) => {
        response.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
        answer.body.pipe(response);
      })
      .catch(() => response.destroy());
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as { port: number }).port}\n`));
