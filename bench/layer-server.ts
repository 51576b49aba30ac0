import { Agent } from 'undici';
import type { FastifyRequest } from 'fastify';
import { createApp, listen } from '../src/bootstrap.js';
import { Clock } from '../src/common/clock.js';
import { Config } from '../src/config/config.js';
import { AdmissionService } from '../src/inference/admission.service.js';
import type { AdmittedChat, InferenceHttpRequest } from '../src/inference/admitted-chat.js';
import { toAttempt, toProviderRequest } from '../src/inference/chat-call.js';
import { ChatHoldService } from '../src/inference/chat-hold.service.js';
import { ChatReader } from '../src/inference/chat-reader.service.js';
import { CHAT_COMPLETIONS } from '../src/inference/dialects/chat-completions/chat-completions.dialect.js';
import { fetchWhole } from '../src/inference/providers/whole-answer.js';
import { LAYERS } from './layers.js';

/**
 * This server with routes that stop early, to show what each layer costs. They use the services of the real route and leave out what comes after
 * them; calls that are not charged go out under a key of their own.
 */
const upstream = new URL(process.argv[2]!);
const dispatcher = new Agent({ connections: 512 });
const never = new AbortController().signal;

const config = Config.load(process.env);
const app = await createApp(config);
const server = app.getHttpAdapter().getInstance();

async function pass(request: FastifyRequest): Promise<unknown> {
  const { text } = await fetchWhole(
    dispatcher,
    {
      origin: upstream.origin,
      path: `${upstream.pathname}/chat/completions`,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer layers' },
      body: JSON.stringify(request.body),
    },
    never,
  );
  return JSON.parse(text);
}

async function admit(request: InferenceHttpRequest): Promise<AdmittedChat> {
  const { userId } = request.principal!;
  const reading = { dialect: CHAT_COMPLETIONS, userId, unsupported: 'reject', accept: undefined } as const;
  const parsed = await app.get(ChatReader).read(request.body, reading);
  const { chat, refusal } = await app.get(AdmissionService).decideAccess(parsed, userId);
  if (refusal) throw refusal;
  return app.get(AdmissionService).resolve(chat, 'reject');
}

async function charge(request: InferenceHttpRequest): Promise<unknown> {
  const chat = await admit(request);
  const { userId, accessId } = request.principal!;
  const startedAt = app.get(Clock).now();
  const call = { requestId: request.id, dialect: CHAT_COMPLETIONS, userId, accessId, chat, startedAt };
  const { plan, hold } = await app.get(ChatHoldService).open(call);
  const { completion, usage } = await chat.route.provider.complete(toProviderRequest(call, plan), never);
  const facts = { callsTools: false, providerRequestId: null, latencyMs: 0, firstTokenMs: null, holdMs: hold.holdMs };
  await hold.settle(toAttempt(call, plan, { ...facts, usage: usage!, source: 'provider', outcome: 'completed' }));
  return completion;
}

server.post(LAYERS['+ auth']!, pass);
server.post(LAYERS['+ constraints']!, async (request) => {
  await admit(request);
  return pass(request);
});
server.post(LAYERS['+ hold and settle']!, charge);

await listen(app, config.port, '127.0.0.1');
process.stdout.write('ready\n');
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
