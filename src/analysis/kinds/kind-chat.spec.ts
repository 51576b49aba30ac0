import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import { kindChat } from './kind-chat.js';

const MODEL = { id: 'm', meta: { capabilities: [], maxOutputTokens: 100 } } as unknown as CatalogueModel;

describe('the request to mend an answer', () => {
  // Removed once: the look at where a text is cut. Providers refuse half a character, so that what they had charged was never mended.
  it('is cut between characters', () => {
    const text = `x${'😀'.repeat(10_000)}`;
    const faulty = { text, faults: [`/${'😀'.repeat(1_000)} must be string`] };
    const { messages } = kindChat({ prompt: 'p', outputSchema: {} }, MODEL, 'text', faulty) as {
      messages: { content: string }[];
    };
    expect(messages.map(({ content }) => content.isWellFormed())).toEqual([true, true, true, true]);
    expect(messages[2]!.content.length).toBeGreaterThan(15_990);
  });
});
