import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ChatCompletionBody } from '../../wire/chat-completion.js';
import type { AnsweredChat, WholeAnswer } from '../chat-dialect.js';
import { itemId, type Piece, piecesOf, toItem } from './output-item.js';

/** How an answer ended: whole, or not, and then why. */
interface Ending {
  status: 'completed' | 'incomplete';
  incomplete_details: { reason: 'max_output_tokens' | 'content_filter' } | null;
}

/** What stands where a request says nothing, as OpenAI tells it. */
const SAMPLING_DEFAULT = 1;

export function responseKey({ requestId }: AnsweredChat): string {
  return requestId.replaceAll('-', '');
}

/** The response before anything of it is known: what was asked for, in the words of the caller. */
export function openResponse(answered: AnsweredChat): object {
  const { chat, startedAt } = answered;
  const { body, parameters, outputLimit } = chat;
  return {
    id: `resp_${responseKey(answered)}`,
    object: 'response',
    created_at: Math.floor(startedAt.getTime() / 1_000),
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: outputLimit.tokens,
    model: chat.model.id,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: parameters['reasoning_effort'] ?? null, summary: null },
    store: false,
    background: false,
    temperature: parameters['temperature'] ?? SAMPLING_DEFAULT,
    text: { format: toFormat(body.response_format) },
    tool_choice: toToolChoice(body.tool_choice),
    tools: (body.tools ?? []).map(toTool),
    top_p: parameters['top_p'] ?? SAMPLING_DEFAULT,
    truncation: 'disabled',
    usage: null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

/** The response with its output. */
export function closeResponse(
  answered: AnsweredChat,
  pieces: readonly Piece[],
  { finishReason, usage }: { finishReason: string | null | undefined; usage: ReportedUsage },
): object {
  const ending = endingOf(finishReason);
  const key = responseKey(answered);
  return {
    ...openResponse(answered),
    ...ending,
    output: pieces.map((piece, index) => toItem(piece, itemId(key, piece, index), ending.status)),
    usage: toResponseUsage(usage),
  };
}

export function writeResponse(answer: WholeAnswer): object {
  const [choice] = answer.completion.choices;
  const finishReason = choice?.finish_reason;
  const { sealsThinking = false } = answer.chat;
  return closeResponse(answer, choice ? piecesOf(choice, { sealsThinking }) : [], {
    finishReason,
    usage: answer.usage,
  });
}

export function endingOf(finishReason: string | null | undefined): Ending {
  if (finishReason === 'length') return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
  if (finishReason === 'content_filter') {
    return { status: 'incomplete', incomplete_details: { reason: 'content_filter' } };
  }
  return { status: 'completed', incomplete_details: null };
}

function toResponseUsage(usage: ReportedUsage): object {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function toFormat(format: ChatCompletionBody['response_format']): object {
  if (!format) return { type: 'text' };
  return format.type === 'json_schema' ? { type: format.type, ...format.json_schema } : format;
}

function toToolChoice(choice: ChatCompletionBody['tool_choice']): object | string {
  if (!choice) return 'auto';
  return typeof choice === 'string' ? choice : { type: choice.type, name: choice.function.name };
}

function toTool({ type, function: offered }: NonNullable<ChatCompletionBody['tools']>[number]): object {
  const { name, description = null, parameters = null, strict = null } = offered;
  return { type, name, description, parameters, strict };
}
