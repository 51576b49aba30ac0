import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench, type ErrorBody } from './chat-bench.js';
import { addModel } from './model-copies.js';

describe('many embeddings at once', () => {
  let openai: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    openai = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: 'sk-openai' } });
    await addModel(bench.server, { id: 'text-embedding', like: 'sandbox-embedding', provider: 'openai' });
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await openai.close();
  });

  const embed = (body: object) => caller.post('/v1/embeddings', { model: 'text-embedding', ...body });

  // Planted: the numbers asked for as the caller wants them. What OpenAI writes of so many was too large to be read, and had been billed.
  it.each(['float', 'base64'])(
    'are made of as many texts as OpenAI takes, each of 1 536 components, as %s',
    async (encoding_format) => {
      openai.behave({ dimensions: 1_536 });
      const input = Array.from({ length: 2_048 }, (_, index) => `Text ${index}`);
      const { status, body } = await embed({ input, encoding_format });
      expect(status).toBe(200);
      const data = body['data'] as { embedding: number[] | string }[];
      expect(data).toHaveLength(2_048);
      const { embedding } = data[7]!;
      const bytes = typeof embedding === 'string' ? Buffer.from(embedding, 'base64') : null;
      const vector = bytes ? Array.from({ length: 3 }, (_, at) => bytes.readFloatLE(at * 4)) : (embedding as number[]);
      expect(vector.slice(0, 3)).toEqual([6, 7.5, expect.closeTo(-0.006929283, 8)]);
      expect(bytes ? bytes.length / 4 : embedding.length).toBe(1_536);
    },
  );

  // Planted: taken for a failure of the provider, which its client sends again, and which keeps everybody else away after a few.
  it('are refused, with a way out, where the answer cannot be read', async () => {
    openai.behave({ rawBody: ' '.repeat(65 * 1_024 * 1_024) });
    const { status, body } = await embed({ input: 'Hello' });
    expect({ status, body }).toMatchObject({ status: 400, body: { error: { code: 'provider_rejected' } } });
    expect((body['error'] as ErrorBody).message).toContain('send fewer inputs at a time');
  });
});
