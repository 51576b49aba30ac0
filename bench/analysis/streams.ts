import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { STREAMS_PER_USER_MAX } from '../../src/jobs/events/event-streams.service.js';
import { startServerProcess } from '../../test/support/server-process.js';
import { cpuMsOf, residentBytesOf } from '../process-stats.js';
import { spreadOf } from '../summary.js';
import type { AnalysisStage, BenchUser } from './analysis-stage.js';

/** Of different rows, at most one each. */
const EVENTS_PER_SECOND = 100;
const SAMPLE_MS = 1_000;
const DELIVERY_MS_MAX = 10_000;
const MEBIBYTE = 2 ** 20;

export interface Streams {
  streams: number;
  seconds: number;
  events: number;
  /** Of the server's process: without a stream, and medians of the first and the last third of the time. */
  idleMebibytes: number;
  firstThirdMebibytes: number;
  lastThirdMebibytes: number;
  /** Share of one core, all in all. */
  cores: number;
  faults: string[];
}

interface Follower {
  id: string;
  /** Events that came. */
  seen: number;
  response: IncomingMessage;
}

/** Streams that stay open on one replica while events come, and what its process needs for them. Every event has to reach its stream. */
export async function measureStreams(
  stage: AnalysisStage,
  { streams, seconds }: { streams: number; seconds: number },
  say: (text: string) => void,
): Promise<Streams> {
  const server = await startServerProcess({ ...stage.env, JOBS: 'off' });
  const pid = server.child.pid!;
  const resident = (): number => Math.round((residentBytesOf(pid) ?? NaN) / MEBIBYTE);
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  try {
    const idleMebibytes = resident();
    const followers = await openAll(server.url, agent, await makeRows(stage, streams));
    say(`${followers.length} streams are open`);
    const cpuBefore = cpuMsOf(pid) ?? NaN;
    const samples: number[] = [];
    let events = followers.length;
    for (const began = performance.now(); performance.now() - began < seconds * 1_000; await sleep(SAMPLE_MS)) {
      events += await appendEvents(stage, followers, events);
      samples.push(resident());
    }
    const cores = ((cpuMsOf(pid) ?? NaN) - cpuBefore) / (seconds * 1_000);
    const faults = await faultsOf(followers, events);
    const third = Math.ceil(samples.length / 3);
    const firstThirdMebibytes = spreadOf(samples.slice(0, third))!.median;
    const lastThirdMebibytes = spreadOf(samples.slice(-third))!.median;
    return { streams, seconds, events, idleMebibytes, firstThirdMebibytes, lastThirdMebibytes, cores, faults };
  } finally {
    agent.destroy();
    await server.end();
    await stage.client.query(`delete from ai_analyses where subject_id = 'streams'`);
  }
}

/** Analyses that nobody works on, as many of each user as he may follow, each with its first event. */
async function makeRows({ client, users }: AnalysisStage, count: number): Promise<{ id: string; user: BenchUser }[]> {
  const owners = Array.from({ length: count }, (_, number) => users[Math.floor(number / STREAMS_PER_USER_MAX)]);
  if (owners.includes(undefined)) throw new Error(`${users.length} users may not follow ${count} analyses`);
  const { rows } = await client.query<{ id: string; user_id: string }>(
    `with made as (
       insert into ai_analyses (id, user_id, subject_id, kind, priority, input, analysis_version, service_tier, queued_at, turn_at, created_at, updated_at)
       select uuidv7(), owner, 'streams', 'sentiment', 0, '{"text": "A good day."}', 1, 'pro', now(), now(), now(), now() from unnest($1::uuid[]) owner
       returning id, user_id
     ), told as (
       insert into entity_events (entity_id, sequence, user_id, name, created_at) select id, 1, user_id, 'queued', now() from made
     )
     select id, user_id from made`,
    [owners.map((owner) => owner!.id)],
  );
  const byId = new Map(users.map((user) => [user.id, user]));
  return rows.map(({ id, user_id: userId }) => ({ id, user: byId.get(userId)! }));
}

async function openAll(
  url: string,
  agent: Agent,
  rows: readonly { id: string; user: BenchUser }[],
): Promise<Follower[]> {
  const followers: Follower[] = [];
  for (const { id, user } of rows) followers.push(await open(`${url}/v1/analyses/${id}/events`, agent, id, user));
  return followers;
}

function open(url: string, agent: Agent, id: string, { token }: BenchUser): Promise<Follower> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`a stream was answered ${response.statusCode}`));
      const follower = { id, seen: 0, response };
      // An event is written at once, so that none is torn.
      response.on('data', (part: Buffer) => (follower.seen += part.toString().split('event: ').length - 1));
      response.on('error', () => undefined);
      resolve(follower);
    }).on('error', reject);
  });
}

/** One more event of some rows, in turns, as a worker would write them; how many. */
async function appendEvents(
  { client }: AnalysisStage,
  followers: readonly Follower[],
  before: number,
): Promise<number> {
  const length = Math.min(EVENTS_PER_SECOND, followers.length);
  const ids = Array.from({ length }, (_, index) => followers[(before + index) % followers.length]!.id);
  await client.query(
    `insert into entity_events (entity_id, sequence, user_id, name, created_at)
     select id, 1 + (select max(sequence) from entity_events where entity_id = id), (select user_id from ai_analyses a where a.id = e.id), 'retried', now()
     from unnest($1::uuid[]) e(id) returning pg_notify('tollgate_events', entity_id::text)`,
    [ids],
  );
  return length;
}

async function faultsOf(followers: readonly Follower[], events: number): Promise<string[]> {
  const seen = (): number => followers.reduce((sum, follower) => sum + follower.seen, 0);
  for (const deadline = Date.now() + DELIVERY_MS_MAX; seen() < events && Date.now() < deadline;) await sleep(100);
  return seen() === events ? [] : [`the streams brought ${seen()} of ${events} events`];
}
