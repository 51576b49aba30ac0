import type { ServerResponse } from 'node:http';
import { type MockTrouble, ProviderMock, type RecordedCall } from './provider-mock.js';

export interface AnthropicUsage {
  input_tokens: number;
  cache_creation_input_tokens?: number;
  cache_read_input_tokens?: number;
  output_tokens: number;
  output_tokens_details?: { thinking_tokens: number };
}

export interface AnthropicBehaviour extends MockTrouble {
  text: string;
  thinking: string;
  /** Sealed thinking beside it, of which nothing can be read. */
  redacted: string;
  toolCall: { name: string; input: object };
  /** What is answered in place of all that, in this order: `think`, `say` or `call` with what is thought, said, or looked up. */
  steps: [kind: 'think' | 'say' | 'call', text: string][];
  stopReason: string;
  /** At which of the sequences it stopped; the reason says so then. */
  stopSequence: string;
  /** Null: the answer carries no usage. */
  usage: AnthropicUsage | null;
  /** Streams only: reported in place of what follows this many events. */
  errorAfterEvents: number;
}

interface Stop {
  stop_reason: string | null;
  stop_sequence: string | null;
}

const GOING_ON: Stop = { stop_reason: null, stop_sequence: null };

type Block = { type: string } & Record<string, unknown>;

/** Anthropic's Messages API over HTTP, plain and streamed; it counts what it would bill. */
export class AnthropicMock extends ProviderMock<AnthropicBehaviour> {
  billed = { requests: 0, inputTokens: 0, outputTokens: 0 };

  get baseUrl(): string {
    return `${this.origin}/v1`;
  }

  protected async answer(call: RecordedCall, response: ServerResponse): Promise<void> {
    response.setHeader('request-id', 'req_of_anthropic');
    const fault = faultOf(call);
    if (fault) return this.refuse(fault.status, fault.message, response);
    const blocks = this.blocks();
    const usage = this.behaviour.usage === undefined ? countUsage(call.body, blocks) : this.behaviour.usage;
    const message = { ...headOf(call.body), content: blocks, ...this.stop() };
    if (call.body['stream'] === true) await this.events(response, this.streamOf(message, usage));
    else this.json(response, { ...message, ...(usage && { usage }) });
    this.billed.requests += 1;
    const { input_tokens = 0, cache_creation_input_tokens = 0, cache_read_input_tokens = 0 } = usage ?? {};
    this.billed.inputTokens += input_tokens + cache_creation_input_tokens + cache_read_input_tokens;
    this.billed.outputTokens += usage?.output_tokens ?? 0;
  }

  protected refuse(status: number, message: string, response: ServerResponse): void {
    const type = status === 529 ? 'overloaded_error' : status >= 500 ? 'api_error' : 'invalid_request_error';
    this.json(response, { type: 'error', error: { type, message }, request_id: 'req_of_anthropic' }, status);
  }

  private blocks(): Block[] {
    if (this.behaviour.steps) return this.behaviour.steps.map(blockOf);
    const { thinking, redacted, toolCall, text = toolCall ? '' : 'Hello from Claude.' } = this.behaviour;
    return [
      ...(thinking ? [{ type: 'thinking', thinking, signature: signatureOf(thinking) }] : []),
      ...(redacted ? [{ type: 'redacted_thinking', data: redacted }] : []),
      ...(text ? [{ type: 'text', text, citations: null }] : []),
      ...(toolCall ? [{ type: 'tool_use', id: 'toolu_1', ...toolCall }] : []),
    ];
  }

  private stop(): Stop {
    const { stopReason, stopSequence, toolCall } = this.behaviour;
    if (stopSequence !== undefined) return { stop_reason: 'stop_sequence', stop_sequence: stopSequence };
    return { stop_reason: stopReason ?? (toolCall ? 'tool_use' : 'end_turn'), stop_sequence: null };
  }

  private streamOf(message: Stop & { content: Block[] }, usage: AnthropicUsage | null): string[] {
    const { output_tokens, output_tokens_details, ...input } = usage ?? { output_tokens: 0 };
    const begun = {
      ...message,
      content: [],
      ...GOING_ON,
      ...(usage && { usage: { ...input, output_tokens: 1 } }),
    };
    const events = [
      event({ type: 'message_start', message: begun }),
      event({ type: 'ping' }),
      ...message.content.flatMap((block, index) => eventsOf(block, index)),
      // Cumulative: half way, then all of it.
      ...(usage ? [deltaOf(GOING_ON, { output_tokens: Math.floor(usage.output_tokens / 2) })] : []),
      deltaOf(message, usage && { output_tokens, ...(output_tokens_details && { output_tokens_details }) }),
      event({ type: 'message_stop' }),
    ];
    const { errorAfterEvents } = this.behaviour;
    if (errorAfterEvents === undefined) return events;
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    return [...events.slice(0, errorAfterEvents), event({ type: 'error', error })];
  }
}

function blockOf([kind, text]: [kind: string, text: string], index: number): Block {
  if (kind === 'think') return { type: 'thinking', thinking: text, signature: signatureOf(text) };
  if (kind === 'say') return { type: 'text', text, citations: null };
  return { type: 'tool_use', id: `toolu_${index}`, name: 'get_weather', input: { city: text } };
}

function faultOf({ path, headers, body }: RecordedCall): { status: number; message: string } | null {
  if (path !== '/v1/messages') return { status: 404, message: 'no such route' };
  if (!headers['anthropic-version']) return { status: 400, message: 'anthropic-version: header is required' };
  // The official SDK sends the key as a bearer token, older clients in a header of its own.
  if (!headers['x-api-key'] && !headers.authorization) return { status: 401, message: 'no API key' };
  if (!Number.isInteger(body['max_tokens'])) return { status: 400, message: 'max_tokens: Field required' };
  const messages = body['messages'] as { role: string }[];
  const [first] = messages;
  if (first?.role !== 'user') return { status: 400, message: 'messages: first message must use the "user" role' };
  if (body['temperature'] !== undefined && body['top_p'] !== undefined) {
    return { status: 400, message: '`temperature` and `top_p` cannot both be specified for this model.' };
  }
  const budget = (body['thinking'] as { budget_tokens?: number } | undefined)?.budget_tokens;
  if (budget !== undefined && (budget < 1_024 || budget >= (body['max_tokens'] as number))) {
    return { status: 400, message: 'thinking.budget_tokens must be at least 1024 and less than max_tokens' };
  }
  return thinkingFault(body);
}

/** What was thought has to come back as it was signed, and where the model thinks on from tools it has to come back at all. */
function thinkingFault(body: Record<string, unknown>): { status: number; message: string } | null {
  const messages = body['messages'] as { role: string; content: Block[] | string }[];
  const isEmpty = messages.slice(0, -1).some(({ content }) => content.length === 0);
  if (isEmpty) return { status: 400, message: 'messages: all messages must have non-empty content' };
  const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const ids = blocks.flatMap(({ type, id }) => (type === 'tool_use' ? [String(id)] : []));
  if (new Set(ids).size < ids.length) return { status: 400, message: 'messages: `tool_use` ids must be unique' };
  if (!ids.every((id) => /^[a-zA-Z0-9_-]+$/.test(id)))
    return { status: 400, message: "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'" };
  for (const { type, thinking, signature, text } of blocks) {
    if (type === 'text' && String(text).trim() === '')
      return { status: 400, message: 'messages: text content blocks must contain non-whitespace text' };
    if (type === 'thinking' && signature !== signatureOf(String(thinking)))
      return { status: 400, message: 'Invalid `signature` in `thinking` block' };
  }
  const asked = (body['thinking'] as { type?: string } | undefined)?.type === 'enabled';
  const last = messages.findLast(({ role }) => role === 'assistant')?.content;
  const begun = Array.isArray(last) && last.some(({ type }) => type === 'tool_use') ? last[0]!.type : 'thinking';
  return asked && !begun.endsWith('thinking')
    ? { status: 400, message: `Expected \`thinking\` or \`redacted_thinking\`, but found \`${begun}\`` }
    : null;
}

function signatureOf(thinking: string): string {
  return `signed: ${thinking}`;
}

function headOf(body: Record<string, unknown>) {
  return { id: 'msg_of_the_mock', type: 'message', role: 'assistant', model: body['model'] };
}

/** One token for every four characters, as a rule of thumb: what matters is that both sides agree on it. */
function countUsage(body: Record<string, unknown>, blocks: readonly Block[]): AnthropicUsage {
  return {
    input_tokens: Math.ceil(JSON.stringify(body['messages']).length / 4),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: Math.ceil(JSON.stringify(blocks).length / 4),
  };
}

function eventsOf(block: Block, index: number): string[] {
  const start = (content_block: object) => event({ type: 'content_block_start', index, content_block });
  const delta = (body: object) => event({ type: 'content_block_delta', index, delta: body });
  const stop = event({ type: 'content_block_stop', index });
  switch (block.type) {
    case 'thinking':
      return [
        start({ ...block, thinking: '', signature: '' }),
        ...words(block['thinking']).map((thinking) => delta({ type: 'thinking_delta', thinking })),
        delta({ type: 'signature_delta', signature: block['signature'] }),
        stop,
      ];
    case 'redacted_thinking':
      return [start(block), stop];
    case 'tool_use':
      return [
        start({ ...block, input: {} }),
        ...words(JSON.stringify(block['input'])).map((partial_json) =>
          delta({ type: 'input_json_delta', partial_json }),
        ),
        stop,
      ];
    default:
      return [
        start({ ...block, text: '' }),
        ...words(block['text']).map((text) => delta({ type: 'text_delta', text })),
        stop,
      ];
  }
}

function words(text: unknown): string[] {
  return String(text).split(/(?<=[ :])/);
}

function deltaOf({ stop_reason, stop_sequence }: Stop, usage: object | null): string {
  return event({
    type: 'message_delta',
    delta: { stop_reason, stop_sequence },
    ...(usage && { usage }),
  });
}

function event(data: { type: string } & Record<string, unknown>): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}
