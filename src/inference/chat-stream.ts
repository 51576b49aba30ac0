import { PassThrough } from 'node:stream';
import { Logger } from '@nestjs/common';
import { formatCredits } from '../common/domain/micro-credits.js';
import { EVENT_STREAM_HEADERS } from '../common/http/event-stream-headers.js';
import { toAppError } from '../common/http/error.filter.js';
import type { AppError } from '../common/errors/app-error.js';
import type { Settlement, UsageAttempt } from '../usage/metering.service.js';
import { answerHeaders } from './answer-headers.js';
import { type AttemptFacts, toAttempt, toProviderError, toProviderRequest, type ChatCall } from './chat-call.js';
import type { StreamWriter } from './dialects/chat-dialect.js';
import type { HoldPlan } from './hold-planner.service.js';
import { AnswerCutOffError } from './inference.errors.js';
import type { ToldCharge } from './idempotency/answer-keeper.js';
import type { KeptForKey, OpenHold } from './open-hold.js';
import type { OverrunWatch } from './overrun-guard.service.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import { ProviderFailure, type ProviderEvent } from './providers/chat-provider.js';
import { disconnectPolicyOf } from './providers/disconnect-policy.js';
import type { TimeLimit } from './providers/time-limit.js';
import type { UsageEstimator } from './usage-estimator.service.js';
import { callsTools, generatedText } from './wire/chat-answer.js';

/** A client that takes nothing for this long has left, even if its connection has not. */
const STALLED_CLIENT_MS = 60_000;

/**
 * How long a client hears nothing before it is sent a comment. Proxies and load balancers take a connection for dead after a minute or half of
 * one; the standard of event streams recommends every 15 seconds or so.
 */
export const HEARTBEAT_MS = 15_000;
const HEARTBEAT = ': keep-alive\n\n';

export interface StreamParts {
  plan: HoldPlan;
  hold: OpenHold;
  estimator: UsageEstimator;
  watch: OverrunWatch;
  limit: TimeLimit;
  heartbeatMs: number;
}

/**
 * One streamed answer, from the provider's first event to the last of the caller's dialect. Events are passed on as they come, no faster than the client takes them.
 * Whatever ends it, the hold is settled before the last bytes go out: with the usage the provider reported, or with what arrived, counted.
 */
export class ChatStream {
  private static readonly logger = new Logger(ChatStream.name);
  /** What the client reads. */
  readonly output = new PassThrough();
  private readonly arrivals: AsyncIterator<ProviderEvent[]>;
  private readonly writer: StreamWriter;
  private readonly began = performance.now();
  private first: IteratorResult<ProviderEvent[]> | null = null;
  private firstTokenMs: number | null = null;
  private generated = '';
  private hasCalledTools = false;
  private usage: ReportedUsage | null = null;
  private providerRequestId: string | null = null;
  private hasClientLeft = false;
  /** The provider was told to stop because the client had left. */
  private isCutOff = false;
  private drainTimer: NodeJS.Timeout | undefined;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly call: ChatCall,
    private readonly parts: StreamParts,
  ) {
    const { provider } = call.chat.route;
    const request = toProviderRequest(call, parts.plan, parts.limit);
    this.arrivals = provider.stream(request, parts.limit.signal)[Symbol.asyncIterator]();
    this.writer = call.dialect.openStream(call);
    this.output.on('error', () => undefined);
    this.output.once('close', () => this.onClosed());
  }

  /** Waits for the provider's first event. It rejects when none comes: nothing was delivered then, and the hold is still open. */
  async open(): Promise<void> {
    this.first = await this.next();
    if (this.first.done) throw new ProviderFailure('the answer was empty');
  }

  /** Relays until the stream ends, settles, and tells the client how it ended. Never rejects; answers with what broke in, if anything did. */
  async run(): Promise<AppError | null> {
    let interruption: AppError | null = null;
    this.heartbeat = setInterval(() => this.beat(), this.parts.heartbeatMs);
    try {
      await this.relay();
    } catch (thrown) {
      interruption = this.interruptionOf(thrown);
      this.abandon();
    }
    clearTimeout(this.drainTimer);
    clearInterval(this.heartbeat);
    this.parts.limit.release();
    try {
      await this.finish(interruption);
    } catch (error) {
      const { requestId } = this.call;
      ChatStream.logger.error({ err: error, requestId }, 'a stream could not be finished');
      await this.write(this.writer.failure(toAppError(error)));
    }
    this.output.end();
    return interruption;
  }

  private async relay(): Promise<void> {
    for (let result = this.first; result && !result.done; result = await this.next()) {
      let text = '';
      let generated = '';
      for (const event of result.value) {
        if (event.kind === 'usage') {
          this.usage = event.usage;
          this.providerRequestId = event.providerRequestId;
        } else {
          this.firstTokenMs ??= performance.now() - this.began;
          text += this.writer.chunk(event.chunk);
          generated += generatedText(event.chunk);
          this.hasCalledTools ||= callsTools(event.chunk.choices);
        }
      }
      this.generated += generated;
      if (text !== '') {
        this.call.keeper?.add(text);
        await this.write(text);
      }
      const counting = this.parts.watch.note(generated);
      if (counting) await counting;
    }
  }

  private next(): Promise<IteratorResult<ProviderEvent[]>> {
    return this.parts.limit.run(() => this.arrivals.next());
  }

  private async finish(interruption: AppError | null): Promise<void> {
    const used = await this.used(interruption);
    const settlement = await this.settle(interruption, used);
    if (!this.hasClientLeft) await this.write(this.lastEvents(interruption, used.usage, toldCharge(settlement)));
  }

  /**
   * What the provider reported, else what arrived, counted. Figures in the middle of a stream that know of no output yet, although there is some,
   * tell of the input alone.
   */
  private async used(interruption: AppError | null): Promise<Pick<AttemptFacts, 'usage' | 'source'>> {
    const { usage: told, generated } = this;
    const { plan, estimator } = this.parts;
    const isTooEarly = interruption !== null && told?.outputTokens === 0 && generated !== '';
    if (told && !isTooEarly) return { usage: told, source: 'provider' };
    const estimate = await estimator.estimate(this.call.chat, plan, generated);
    const usage = told && told.inputTokens > 0 ? { ...told, outputTokens: estimate.outputTokens } : estimate;
    return { usage, source: 'estimated' };
  }

  private async settle(
    interruption: AppError | null,
    used: Pick<AttemptFacts, 'usage' | 'source'>,
  ): Promise<Settlement> {
    const { plan, hold } = this.parts;
    const attempt = toAttempt(this.call, plan, {
      ...used,
      outcome: this.outcomeOf(interruption),
      callsTools: this.hasCalledTools,
      providerRequestId: this.providerRequestId,
      latencyMs: performance.now() - this.began,
      firstTokenMs: this.firstTokenMs,
      holdMs: hold.holdMs,
    });
    const kept = this.keep(interruption, used.usage);
    try {
      return await hold.settle(attempt, kept);
    } catch (error) {
      // What was delivered is owed, whatever the client is told now.
      hold.settleLater(attempt, kept);
      throw error;
    }
  }

  /** The finished stream, for whoever asks again with the same key: whole where the provider was read to its end, else as far as it came. */
  private keep(interruption: AppError | null, usage: ReportedUsage): KeptForKey {
    const { keeper, chat } = this.call;
    if (!keeper) return undefined;
    const { plan, hold } = this.parts;
    keeper.add(this.lastEvents(interruption, usage, keeper.unknownCharge));
    const held = { 'x-credits-held': formatCredits(hold.reservation.amountUcr) };
    return keeper.keep({ ...answerHeaders(chat, plan), ...EVENT_STREAM_HEADERS, ...held });
  }

  private outcomeOf(interruption: AppError | null): UsageAttempt['outcome'] {
    if (this.hasClientLeft) return 'client_aborted';
    if (interruption === null) return 'completed';
    return this.parts.limit.isExceeded ? 'timeout' : 'provider_error';
  }

  /** What follows the model's own events: an error where something broke in, else the charge and the end. */
  private lastEvents(interruption: AppError | null, usage: ReportedUsage, charge: ToldCharge): string {
    return interruption === null ? this.writer.end(usage, charge) : this.writer.failure(interruption, charge);
  }

  private interruptionOf(thrown: unknown): AppError {
    const { requestId } = this.call;
    return this.isCutOff ? new AnswerCutOffError(requestId) : toProviderError(thrown, requestId, this.parts.limit);
  }

  /** Writes as fast as the client reads. What a client that has left would have got is thrown away. */
  private async write(text: string): Promise<void> {
    this.heartbeat?.refresh();
    if (!this.hasClientLeft && !this.output.write(text)) await this.whenWritable();
  }

  /** A sign of life while the provider is silent. A client that takes nothing needs none. */
  private beat(): void {
    if (!this.hasClientLeft && !this.output.writableNeedDrain) this.output.write(HEARTBEAT);
  }

  private whenWritable(): Promise<void> {
    const { output } = this;
    const { signal } = this.parts.limit;
    // Nothing but the end follows a call that was cut off; it is buffered.
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const giveUp = () => void output.destroy();
      const stalled = setTimeout(giveUp, STALLED_CLIENT_MS);
      signal.addEventListener('abort', giveUp, { once: true });
      const goOn = () => {
        clearTimeout(stalled);
        signal.removeEventListener('abort', giveUp);
        output.off('drain', goOn).off('close', goOn);
        resolve();
      };
      output.on('drain', goOn).on('close', goOn);
    });
  }

  /** The client has left before its answer began. */
  leave(): void {
    this.onClosed();
    this.output.destroy();
  }

  /** The client left before the end: read on as the provider's policy says, so that what it charges is known. */
  private onClosed(): void {
    if (this.output.writableEnded || this.hasClientLeft) return;
    this.hasClientLeft = true;
    const policy = disconnectPolicyOf(this.call.chat);
    if (policy.kind === 'cancel') this.cutOff();
    else this.drainTimer = setTimeout(() => this.cutOff(), policy.capMs);
  }

  private cutOff(): void {
    this.isCutOff = true;
    this.parts.limit.cancel();
  }

  /** Tells the provider to stop; a provider that does not listen is not waited for. */
  private abandon(): void {
    this.parts.limit.cancel();
    void Promise.resolve(this.arrivals.return?.()).catch(() => undefined);
  }
}

function toldCharge({ chargedUcr, availableUcr }: Settlement): ToldCharge {
  return { credits_charged: formatCredits(chargedUcr), credits_remaining: formatCredits(availableUcr) };
}
