import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { parseEmbedding } from './embedding.js';

describe('what is wrong with the input of embeddings', () => {
  const texts = (count: number) => Array.from({ length: count }, () => 'a');

  // Seen failing: a list of too many texts was told a hundred times over that a text must be a number.
  it.each([
    ['too many texts', texts(2_049), 'input: must have at most 2048 items'],
    ['too many lists of tokens', texts(2_049).map(() => [7]), 'input: must have at most 2048 items'],
    ['no text at all', [], 'input: must have at least 1 items'],
    ['an empty text', '', 'input: must have at least 1 characters'],
    ['an empty text among others', ['a', ''], 'input[1]: must have at least 1 characters'],
    ['a text among tokens', [7, 8, 'a'], 'input[2]: must be a number'],
    ['a number among texts', ['a', 7, 'b'], 'input[1]: must be a string'],
    ['an object', {}, 'input: must be a text, a list of texts, a list of tokens, or a list of such lists'],
    ['nothing', undefined, 'input: must be a text, a list of texts, a list of tokens, or a list of such lists'],
  ])('is told of %s', (_, input, message) => {
    const parse = () => parseEmbedding({ model: 'sandbox-embedding', input }, { dropUnsupported: false });
    expect(parse).toThrow(InvalidRequestError);
    expect(parse).toThrow(new RegExp(`^${message.replaceAll(/[[\]]/g, '\\$&')}$`));
  });
});
