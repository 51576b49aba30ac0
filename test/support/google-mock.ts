import type { ServerResponse } from 'node:http';
import { type MockTrouble, ProviderMock, type RecordedCall } from './provider-mock.js';

export interface GoogleUsage {
  promptTokenCount: number;
  cachedContentTokenCount?: number;
  candidatesTokenCount: number;
  thoughtsTokenCount?: number;
  totalTokenCount: number;
  promptTokensDetails?: { modality: string; tokenCount: number }[];
}

export interface GoogleBehaviour extends MockTrouble {
  text: string;
  thought: string;
  functionCall: { name: string; args: object };
  finishReason: string;
  /** Null: the answer carries no usage. */
  usage: GoogleUsage | null;
  /** The prompt itself is refused, in an answer with status 200. */
  blockReason: string;
}

type Part = Record<string, unknown>;
type Content = { role: string; parts: Part[] };

const PATH = /^\/v1(?:beta)?\/models\/([^:]+):(generateContent|streamGenerateContent)(\?alt=sse)?$/;

/** Google's Gemini API over HTTP, plain and streamed; it counts what it would bill. */
export class GoogleMock extends ProviderMock<GoogleBehaviour> {
  billed = { requests: 0, inputTokens: 0, outputTokens: 0 };

  get baseUrl(): string {
    return `${this.origin}/v1beta`;
  }

  protected async answer({ path, headers, body }: RecordedCall, response: ServerResponse): Promise<void> {
    const [, model = '', method] = PATH.exec(path) ?? [];
    if (!method) return this.refuse(404, `no such method: ${path}`, response);
    if (!headers['x-goog-api-key']) return this.refuse(403, 'Method does not allow unregistered callers', response);
    if (!Array.isArray(body['contents']) || body['contents'].length === 0) {
      return this.refuse(400, 'contents is not specified', response);
    }
    if ((body['contents'] as Content[]).some(({ parts }) => parts.length === 0)) {
      return this.refuse(400, 'Unable to submit request because it must include at least one parts field', response);
    }
    const fault = functionFault(body['contents'] as Content[]);
    if (fault) return this.refuse(400, fault, response);
    const parts = this.parts();
    const usage = this.behaviour.usage === undefined ? countUsage(body, parts) : this.behaviour.usage;
    const head = { modelVersion: model, responseId: 'response-of-the-mock' };
    if (method === 'streamGenerateContent') await this.events(response, this.streamOf(parts, usage, head));
    else this.json(response, { ...this.wholeOf(parts), ...(usage && { usageMetadata: usage }), ...head });
    this.billed.requests += 1;
    this.billed.inputTokens += usage?.promptTokenCount ?? 0;
    this.billed.outputTokens += (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
  }

  protected refuse(status: number, message: string, response: ServerResponse): void {
    const name = status === 400 ? 'INVALID_ARGUMENT' : status === 429 ? 'RESOURCE_EXHAUSTED' : 'INTERNAL';
    this.json(response, { error: { code: status, message, status: name } }, status);
  }

  private parts(): Part[] {
    const { thought, functionCall, text = functionCall ? '' : 'Hello from Gemini.' } = this.behaviour;
    return [
      ...(thought ? [{ text: thought, thought: true }] : []),
      ...(text ? [{ text }] : []),
      ...(functionCall ? [{ functionCall }] : []),
    ];
  }

  private wholeOf(parts: Part[]): object {
    const { blockReason } = this.behaviour;
    if (blockReason) return { promptFeedback: { blockReason } };
    return { candidates: [{ index: 0, content: { role: 'model', parts }, finishReason: this.finishReason() }] };
  }

  private finishReason(): string {
    return this.behaviour.finishReason ?? 'STOP';
  }

  /** Every event carries the usage so far: the last one counts. */
  private streamOf(parts: Part[], usage: GoogleUsage | null, head: object): string[] {
    const { blockReason } = this.behaviour;
    const pieces = blockReason ? [] : parts.flatMap(piecesOf);
    const events = pieces.map((part, index) => {
      const share = (index + 1) / (pieces.length + 1);
      const soFar = usage && {
        ...usage,
        candidatesTokenCount: Math.floor(usage.candidatesTokenCount * share),
        totalTokenCount: usage.promptTokenCount + Math.floor(usage.candidatesTokenCount * share),
      };
      const candidate = { index: 0, content: { role: 'model', parts: [part] } };
      return event({ candidates: [candidate], ...(soFar && { usageMetadata: soFar }), ...head });
    });
    const end = { index: 0, content: { role: 'model', parts: [{ text: '' }] }, finishReason: this.finishReason() };
    const last = blockReason ? { promptFeedback: { blockReason } } : { candidates: [end] };
    return [...events, event({ ...last, ...(usage && { usageMetadata: usage }), ...head })];
  }
}

/** A turn that calls functions is followed by one that answers all of them. */
function functionFault(contents: readonly Content[]): string | null {
  const count = (content: Content | undefined, name: string) => (content?.parts ?? []).filter((p) => name in p).length;
  const isAnswered = contents.every(
    (content, index) => count(content, 'functionCall') === count(contents[index + 1], 'functionResponse'),
  );
  return isAnswered
    ? null
    : 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.';
}

function piecesOf(part: Part): Part[] {
  if (typeof part['text'] !== 'string') return [part];
  return part['text'].split(/(?<= )/).map((text) => ({ ...part, text }));
}

/** One token for every four characters, as a rule of thumb: what matters is that both sides agree on it. */
function countUsage(body: Record<string, unknown>, parts: readonly Part[]): GoogleUsage {
  const promptTokenCount = Math.ceil(JSON.stringify(body['contents']).length / 4);
  const candidatesTokenCount = Math.ceil(JSON.stringify(parts).length / 4);
  return { promptTokenCount, candidatesTokenCount, totalTokenCount: promptTokenCount + candidatesTokenCount };
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`;
}
