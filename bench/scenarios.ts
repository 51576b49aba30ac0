export interface Scenario {
  name: string;
  description: string;
  body: string;
}

const chat = (promptBytes: number, stream: boolean): string =>
  JSON.stringify({
    model: 'gpt-5-nano',
    max_completion_tokens: 100,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
    messages: [
      { role: 'user', content: 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(promptBytes / 45)) },
    ],
  });

export const SCENARIOS: readonly Scenario[] = [
  { name: 'json-1k', description: 'plain answer, prompt of 1 KB', body: chat(1_000, false) },
  { name: 'json-10k', description: 'plain answer, prompt of 10 KB', body: chat(10_000, false) },
  { name: 'sse-1k', description: 'streamed answer, prompt of 1 KB', body: chat(1_000, true) },
];
