import { setTimeout as sleep } from 'node:timers/promises';
import { Clock } from '../../src/common/clock.js';
import { ChatAttempts } from '../../src/inference/chat-attempts.service.js';
import type { FallbackPlanner } from '../../src/inference/fallback-planner.service.js';
import type { HoldPlan } from '../../src/inference/hold-planner.service.js';
import { InFlightRequests } from '../../src/inference/in-flight-requests.js';
import { ClientLeftError } from '../../src/inference/inference.errors.js';
import type { DisconnectPolicy } from '../../src/inference/providers/chat-provider.js';
import type { ErrorRecorder } from '../../src/inference/resilience/error-recorder.service.js';
import { UnattendedChat } from '../../src/inference/unattended-chat.service.js';
import type { UsageEstimator } from '../../src/inference/usage-estimator.service.js';
import { testConfig } from '../support/test-config.js';
import { ANSWER, bench, scriptedProvider, USAGE } from './fakes.js';

const ANSWER_MS = 400;
const PLAN = { parameters: {}, applied: [], inputTokens: 10, outputTokens: 10, choices: 1 } as unknown as HoldPlan;

/** Asks a provider that takes a while, and is called off in the middle of that. */
function askedAndCalledOff(onDisconnect: DisconnectPolicy) {
  const provider = scriptedProvider({ onDisconnect, answer: () => sleep(ANSWER_MS, ANSWER) });
  const { inFlight, callOf } = bench(provider);
  const attempts = new ChatAttempts(
    inFlight,
    testConfig({ PROVIDER_TIMEOUT_MS: '5000' }),
    {} as FallbackPlanner,
    { note: () => undefined } as unknown as ErrorRecorder,
  );
  const chats = new UnattendedChat(attempts, {} as UsageEstimator, new InFlightRequests(), new Clock());
  const left = new AbortController();
  const asked = chats.ask(
    { chat: callOf().chat, plan: PLAN },
    { requestId: 'r', userId: 'u', accessId: 'a' },
    left.signal,
  );
  setTimeout(() => left.abort(new ClientLeftError()), ANSWER_MS / 8);
  return { asked, provider };
}

describe('a chat that nobody wants any more while its model is asked', () => {
  // Planted once: a wait no longer than a stream is read for. The provider charged an answer that its user was not charged for.
  it('waits for the answer, however long it takes, where the provider charges it anyway', async () => {
    const { asked, provider } = askedAndCalledOff({ kind: 'drain', capMs: ANSWER_MS / 8 });
    expect((await asked).attempt).toMatchObject({ usage: { ...USAGE, source: 'provider' } });
    expect(provider.signal?.aborted).toBe(false);
  });

  it('ends at once where the provider stops charging when it is told to stop', async () => {
    const { asked, provider } = askedAndCalledOff({ kind: 'cancel' });
    await expect(asked).rejects.toBeInstanceOf(ClientLeftError);
    expect(provider.signal?.aborted).toBe(true);
  });
});
