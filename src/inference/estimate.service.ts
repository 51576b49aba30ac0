import { Injectable } from '@nestjs/common';
import { formatCredits } from '../common/domain/micro-credits.js';
import { AppError } from '../common/errors/app-error.js';
import { OverloadedError } from '../common/errors/common.errors.js';
import type { Principal } from '../common/http/principal.js';
import { formatParametersApplied } from '../models/domain/parameters-applied.js';
import { AdmissionService } from './admission.service.js';
import type { FoundChat, ProviderRoute, ResolvedParameters } from './admitted-chat.js';
import { toProviderRequest } from './chat-call.js';
import type { EstimateDto, EstimateRatesDto } from './estimate.dto.js';
import { CHAT_COMPLETIONS } from './dialects/chat-completions/chat-completions.dialect.js';
import { ChatReader } from './chat-reader.service.js';
import { ChatHoldService, type HoldRequest } from './chat-hold.service.js';
import { boundTerms, HoldPlanner, type HoldPlan } from './hold-planner.service.js';
import { ProviderRejectedError } from './inference.errors.js';
import { isPriced } from './model-access.js';
import { imageTokensOf } from './prompt.js';
import { Places } from './resilience/places.js';

export interface EstimateRequest {
  body: unknown;
  principal: Principal;
  requestId: string;
  startedAt: Date;
  unsupported: 'reject' | 'drop';
}

/**
 * Under way at once in this process, and those that may wait. Each looks at its user's account over a connection of its own, and nothing that a
 * plan limits counts them: one user who asks for ever more would have all connections, which chats need.
 */
const AT_ONCE_MAX = 4;
const WAITING_MAX = 64;

/** What is known of a chat that was tried: more the further it came. */
interface Trial {
  chat: FoundChat;
  admitted: (FoundChat & ResolvedParameters) | null;
  plan: HoldPlan | null;
  counted: HoldPlan | null;
  refusals: AppError[];
}

/** A dry run of everything that can refuse a chat, without calling a provider and without keeping anything. */
@Injectable()
export class EstimateService {
  private readonly places = new Places(AT_ONCE_MAX, WAITING_MAX, tooMany);

  constructor(
    private readonly reader: ChatReader,
    private readonly admission: AdmissionService,
    private readonly planner: HoldPlanner,
    private readonly holds: ChatHoldService,
  ) {}

  /** @throws OverloadedError where too many wait already, and the refusals of a body that is no chat, or of a model that does not exist: there is nothing to estimate then. */
  async estimate(request: EstimateRequest): Promise<EstimateDto> {
    const leave = await this.places.enter(request.principal.userId, new AbortController().signal);
    try {
      return toEstimate(await this.try(request));
    } finally {
      leave();
    }
  }

  private async try({ body, principal, requestId, startedAt, unsupported }: EstimateRequest): Promise<Trial> {
    const { userId } = principal;
    const reading = { dialect: CHAT_COMPLETIONS, userId, unsupported, accept: undefined };
    const parsed = await this.reader.read(body, reading);
    const { chat, refusal } = await this.admission.decideAccess(parsed, userId);
    const refusals = refusal ? [refusal] : [];
    const admitted = await attempt(refusals, () => this.admission.resolve(chat, unsupported));
    const priced = admitted && isPriced(admitted.model) ? { ...admitted, model: admitted.model } : null;
    const plan = priced && (await attempt(refusals, () => this.planner.plan(priced)));
    if (!plan) return { chat, admitted, plan, counted: null, refusals };
    const counted = await attempt([], () => this.planner.recount(priced, plan));
    const asked = { requestId, userId, accessId: principal.accessId, chat: priced };
    const verdict = await this.holds.preview(asked, plan, counted);
    if (verdict) refusals.push(verdict);
    const rejection = await this.rejectionOf({ ...asked, startedAt, route: priced.route }, plan);
    if (rejection) refusals.push(rejection);
    return { chat, admitted, plan, counted, refusals };
  }

  /** Why the provider would refuse it, as far as that is known without asking. */
  private async rejectionOf(
    { route, chat, ...asked }: HoldRequest & { startedAt: Date; route: ProviderRoute | null },
    plan: HoldPlan,
  ): Promise<ProviderRejectedError | null> {
    if (!route) return null;
    const call = { ...asked, chat: { ...chat, route }, dialect: CHAT_COMPLETIONS };
    const rejection = await route.provider.refuses(toProviderRequest(call, plan));
    return rejection ? new ProviderRejectedError(asked.requestId, rejection.message) : null;
  }
}

function tooMany(): OverloadedError {
  return new OverloadedError('Too many estimates are under way. Try again shortly.', {
    headers: { 'retry-after': '1' },
  });
}

/** The step's result, or null with its refusal noted. What is no refusal is a bug and passes on. */
async function attempt<Result>(refusals: AppError[], step: () => Result | Promise<Result>): Promise<Result | null> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    refusals.push(error);
    return null;
  }
}

function toEstimate({ chat, admitted, plan, counted, refusals }: Trial): EstimateDto {
  const { model, prompt } = chat;
  return {
    object: 'estimate',
    model: model.id,
    modelVersion: model.versionNo,
    wouldPass: refusals.length === 0,
    refusals: refusals.map(({ code, status, message, param, details }) => ({ code, status, message, param, details })),
    creditsMax: plan && formatCredits(plan.amountUcr),
    creditsCounted: plan && formatCredits((counted ?? plan).amountUcr),
    tokens: plan && {
      input: plan.inputTokens,
      inputCounted: counted?.inputTokens ?? (plan.inputSource === 'counted' ? plan.inputTokens : null),
      image: imageTokensOf(prompt, boundTerms(chat)),
      output: plan.outputTokens * plan.choices,
      choices: plan.choices,
      imageCount: prompt.images.length,
    },
    rates: toRates(chat, plan),
    parameters: admitted && {
      sent: (plan ?? admitted).parameters,
      applied: formatParametersApplied((plan ?? admitted).applied),
    },
  };
}

/** The rates behind the most that it can cost: those of a long context where the input may be one. */
function toRates({ model: { prices } }: FoundChat, plan: HoldPlan | null): EstimateRatesDto | null {
  if (!prices) return null;
  const { standard, longContext } = prices;
  const isLong = plan !== null && longContext !== null && plan.inputTokens > longContext.aboveInputTokens;
  const rates = (isLong ? longContext : standard).creditsUcr;
  return {
    input: formatCredits(rates.input),
    cachedInput: formatCredits(rates.cachedInput),
    cacheWrite: formatCredits(rates.cacheWrite),
    image: formatCredits(rates.image ?? rates.input),
    output: formatCredits(rates.output),
    reasoning: formatCredits(rates.output),
  };
}
