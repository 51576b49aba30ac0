import type { IdempotencyClaim, SettleMember } from '../../credits/hold.repository.js';
import { ANSWER_BYTES_MAX, type StoredAnswers } from '../../credits/stored-answers.service.js';

const OK = 200;

/** What an answer says of its charge, as decimal strings. */
export interface ToldCharge {
  credits_charged: string;
  credits_remaining: string;
}

/** Collects the answer to a request that came with a key, as far as it is kept, and closes it for the transaction that settles. */
export class AnswerKeeper {
  private text = '';
  private bytes = 0;

  constructor(
    readonly claim: IdempotencyClaim,
    private readonly caller: { userId: string; requestId: string },
    private readonly answers: StoredAnswers,
  ) {}

  /** Adds to the body. Once it is too large to be kept, nothing of it is. */
  add(text: string): void {
    this.bytes += Buffer.byteLength(text);
    this.text = this.bytes > ANSWER_BYTES_MAX ? '' : this.text + text;
  }

  /** Stands in the kept body for what is known only once it is settled. No text of a model contains the request's own id by chance. */
  get unknownCharge(): ToldCharge {
    return unknownCharge(this.caller.requestId);
  }

  /** The whole answer, for `MeteringService.settle`. */
  keep(headers: Record<string, string>): NonNullable<SettleMember['idempotency']> {
    const body = this.bytes > ANSWER_BYTES_MAX ? null : this.text;
    return { ...this.claim, answer: this.answers.seal(this.caller.userId, this.claim, { status: OK, headers, body }) };
  }
}

function unknownCharge(requestId: string): ToldCharge {
  return { credits_charged: `{charged ${requestId}}`, credits_remaining: `{remaining ${requestId}}` };
}

/** The kept body with the charge where it belongs. */
export function tellCharge(body: string, requestId: string, charge: ToldCharge): string {
  const { credits_charged: charged, credits_remaining: remaining } = unknownCharge(requestId);
  return body.replaceAll(charged, charge.credits_charged).replaceAll(remaining, charge.credits_remaining);
}
