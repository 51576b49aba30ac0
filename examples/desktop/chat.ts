import { APIUserAbortError, type OpenAI } from 'openai';
import type { ChatCompletionChunk, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { formatCredits } from './explain.js';

/** What Tollgate adds to the last chunk of a stream that asks for usage. */
interface Charge {
  credits_charged: string;
  credits_remaining: string;
}

/** What Tollgate adds to OpenAI's description of a model. */
interface ModelExtras {
  available: boolean;
  tierAllowed: boolean;
  capabilities: string[];
}

export interface ChatSettings {
  model: string;
  parameters: Record<string, unknown>;
}

export interface Output {
  /** The answer, as it comes. */
  print(text: string): void;
  /** Remarks about it, one per line. */
  note(text: string): void;
}

/** A conversation with one model after another. */
export class Chat {
  private messages: ChatCompletionMessageParam[] = [];

  constructor(
    private readonly openai: OpenAI,
    readonly settings: ChatSettings,
    private readonly output: Output,
  ) {}

  /** Streams the answer to the output, then what it cost. A question that fails is forgotten, so that the next one is not refused for it. */
  async ask(prompt: string, signal?: AbortSignal): Promise<void> {
    const question = [...this.messages, { role: 'user', content: prompt } as const];
    const stream = await this.openai.chat.completions.create(
      {
        ...this.settings.parameters,
        model: this.settings.model,
        messages: question,
        stream: true,
        stream_options: { include_usage: true },
      },
      { signal },
    );
    let answer = '';
    let charge: Charge | undefined;
    let isCut = false;
    try {
      for await (const chunk of stream as AsyncIterable<ChatCompletionChunk & { tollgate?: Charge }>) {
        const [choice] = chunk.choices;
        const text = choice?.delta.content ?? '';
        if (text) this.output.print(printable(text));
        answer += text;
        isCut ||= choice?.finish_reason === 'length';
        charge ??= chunk.tollgate;
      }
    } finally {
      if (answer) this.output.print('\n');
    }
    if (signal?.aborted) throw new APIUserAbortError();
    this.messages = [...question, { role: 'assistant', content: answer }];
    if (isCut) this.output.note('(The answer was cut at the limit of its length.)');
    if (charge) this.output.note(describeCharge(charge));
    else await this.noteCredits();
  }

  forget(): void {
    this.messages = [];
  }

  async noteCredits(): Promise<void> {
    const { available } = await this.openai.get<{ available: string }>('/me/credits');
    this.output.note(`${formatCredits(available)} credits left.`);
  }

  /** Those that chat and that this person may use now. */
  async printModels(): Promise<void> {
    for await (const model of this.openai.models.list()) {
      const { available, tierAllowed, capabilities } = model as typeof model & ModelExtras;
      if (available && tierAllowed && capabilities.includes('text')) this.output.print(`${model.id}\n`);
    }
  }
}

function describeCharge({ credits_charged: charged, credits_remaining: remaining }: Charge): string {
  return `This took ${formatCredits(charged)} credits; ${formatCredits(remaining)} credits left.`;
}

/** A model's answer must not steer the terminal: no control characters but line breaks and tabs. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, '');
}
