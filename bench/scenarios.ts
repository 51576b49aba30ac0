import { LAYERS } from './layers.js';

export interface Scenario {
  name: string;
  description: string;
  body: string;
  /** Who takes part; without it everybody. */
  contenders?: readonly string[];
  /** How many users send, and over how many connections; without it one for each connection of the run. */
  users?: number;
  connections?: number;
}

type Content = string | object[];

const chat = (content: Content, stream: boolean): string =>
  JSON.stringify({
    model: 'gpt-5-nano',
    max_completion_tokens: 100,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
    messages: [{ role: 'user', content }],
  });

const prose = (bytes: number): string => 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(bytes / 45));

/** A picture of 1 MB as far as its header tells; what follows is never decoded here. */
function picture(): string {
  const header = Buffer.alloc(33);
  header.set(Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'));
  header.writeUInt32BE(1_024, 16);
  header.writeUInt32BE(1_024, 20);
  header.set([8, 2, 0, 0, 0], 24);
  return `data:image/png;base64,${Buffer.concat([header, Buffer.alloc(1_048_576 - header.length, 0x5a)]).toString('base64')}`;
}

const HOT_CONNECTIONS = 200;
const plain = chat(prose(1_000), false);

export const SCENARIOS: readonly Scenario[] = [
  { name: 'json-1k', description: 'plain answer, prompt of 1 KB', body: plain },
  { name: 'json-10k', description: 'plain answer, prompt of 10 KB', body: chat(prose(10_000), false) },
  {
    name: 'image-1m',
    description: 'plain answer, prompt with an image of 1 MB',
    body: chat(
      [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url: picture() } },
      ],
      false,
    ),
    connections: 16,
  },
  { name: 'sse-1k', description: 'streamed answer, prompt of 1 KB', body: chat(prose(1_000), true) },
  {
    name: 'hot-user',
    description: 'plain answers for one user',
    body: plain,
    contenders: ['tollgate'],
    users: 1,
    connections: HOT_CONNECTIONS,
  },
  {
    name: 'thousand-users',
    description: 'the same for 1 000 users',
    body: plain,
    contenders: ['tollgate'],
    users: 1_000,
    connections: HOT_CONNECTIONS,
  },
  {
    name: 'layers',
    description: 'what each layer adds to a proxy, plain answer, prompt of 1 KB',
    body: plain,
    contenders: ['bare proxy', ...Object.keys(LAYERS), 'tollgate'],
  },
  {
    name: 'replicas',
    description: 'processes that share one database, plain answer, prompt of 1 KB',
    body: plain,
    contenders: ['tollgate', 'tollgate × 2', 'tollgate × 4'],
  },
];

/** Who takes part where a scenario names nobody. */
export const PEERS = ['straight', 'bare proxy', 'portkey', 'tollgate'];
