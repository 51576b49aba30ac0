import { Injectable } from '@nestjs/common';
import { formatCredits } from '../common/domain/micro-credits.js';
import { AppError } from '../common/errors/app-error.js';
import type { Principal } from '../common/http/principal.js';
import { formatParametersApplied } from '../models/domain/parameters-applied.js';
import { AdmissionService } from './admission.service.js';
import type { AccessibleChat, AdmittedChat } from './admitted-chat.js';
import type { EstimateDto, EstimateRatesDto } from './estimate.dto.js';
import { CHAT_COMPLETIONS } from './dialects/chat-completions/chat-completions.dialect.js';
import { ChatReader } from './chat-reader.service.js';
import { ChatHoldService } from './chat-hold.service.js';
import { boundTerms, HoldPlanner, type HoldPlan } from './hold-planner.service.js';
import { imageTokensOf } from './prompt.js';

export interface EstimateRequest {
  body: unknown;
  principal: Principal;
  requestId: string;
  unsupported: 'reject' | 'drop';
}

/** What is known of a chat that was tried: more the further it came. */
interface Trial {
  chat: AccessibleChat;
  admitted: AdmittedChat | null;
  plan: HoldPlan | null;
  counted: HoldPlan | null;
  refusals: AppError[];
}

/** A dry run of everything that can refuse a chat, without calling a provider and without keeping anything. */
@Injectable()
export class EstimateService {
  constructor(
    private readonly reader: ChatReader,
    private readonly admission: AdmissionService,
    private readonly planner: HoldPlanner,
    private readonly holds: ChatHoldService,
  ) {}

  /** @throws the refusals of a body that is no chat, or of a model that does not exist: there is nothing to estimate then. */
  async estimate({ body, principal, requestId, unsupported }: EstimateRequest): Promise<EstimateDto> {
    const { userId } = principal;
    const reading = { dialect: CHAT_COMPLETIONS, userId, unsupported, accept: undefined };
    const parsed = await this.reader.read(body, reading);
    const { chat, refusal } = await this.admission.decideAccess(parsed, userId);
    const refusals = refusal ? [refusal] : [];
    const admitted = await attempt(refusals, () => this.admission.resolve(chat, unsupported));
    const isPriced = chat.model.prices !== null;
    const plan = admitted && isPriced ? await attempt(refusals, () => this.planner.plan(admitted)) : null;
    const counted = admitted && plan ? await attempt([], () => this.planner.recount(admitted, plan)) : null;
    if (admitted && plan) {
      const { accessId } = principal;
      const verdict = await this.holds.preview({ requestId, userId, accessId, chat: admitted }, plan, counted);
      if (verdict) refusals.push(verdict);
    }
    return toEstimate({ chat, admitted, plan, counted, refusals });
  }
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
function toRates({ model }: AccessibleChat, plan: HoldPlan | null): EstimateRatesDto | null {
  const prices = model.prices as AccessibleChat['model']['prices'] | null;
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
