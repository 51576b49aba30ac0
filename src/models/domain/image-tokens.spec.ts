import fc from 'fast-check';
import { imageTokens, patchedSize, reducedSize, strategyMax, type ImageTokenTerms } from './image-tokens.js';

const TILES_4O: ImageTokenTerms = { strategy: 'openai_tiles', baseTokens: 85, tileTokens: 170, perImageMax: 1_445 };
const TILES_GPT5: ImageTokenTerms = { strategy: 'openai_tiles', baseTokens: 70, tileTokens: 140, perImageMax: 1_190 };
const PATCHES: ImageTokenTerms = {
  strategy: 'openai_patches',
  patchSize: 32,
  patchBudget: 1_536,
  sideMax: 2_048,
  originalPatchBudget: 10_000,
  originalSideMax: 6_000,
  perImageMax: 24_600,
};
const CLAUDE: ImageTokenTerms = {
  strategy: 'anthropic_patches',
  patchSize: 28,
  patchBudget: 1_568,
  sideMax: 1_568,
  perImageMax: 1_568,
};
const CLAUDE_HIGH: ImageTokenTerms = { ...CLAUDE, patchBudget: 4_784, sideMax: 2_576, perImageMax: 4_784 };
const GEMINI: ImageTokenTerms = { strategy: 'gemini_tiles', tileTokens: 258, perImageMax: 100_000 };

const multiplied = (terms: ImageTokenTerms, thousandths: number) => ({ ...terms, multiplierThousandths: thousandths });

/** width, height, tiles 85/170, tiles 70/140, patches, × 1.2, original, × 1.2, Claude, Claude high resolution, Gemini a, Gemini b */
const VECTORS: number[][] = [
  [200, 200, 255, 210, 49, 59, 49, 59, 64, 64, 258, 258],
  [256, 256, 255, 210, 64, 77, 64, 77, 100, 100, 258, 258],
  [512, 512, 255, 210, 256, 308, 256, 308, 361, 361, 258, 1_032],
  [1_000, 1_000, 765, 630, 1_024, 1_229, 1_024, 1_229, 1_296, 1_296, 1_032, 1_032],
  [1_024, 1_024, 765, 630, 1_024, 1_229, 1_024, 1_229, 1_369, 1_369, 1_032, 1_032],
  [1_092, 1_092, 765, 630, 1_225, 1_470, 1_225, 1_470, 1_521, 1_521, 1_032, 1_032],
  [1_800, 2_400, 765, 630, 1_452, 1_743, 4_275, 5_130, 1_564, 4_740, 3_096, 3_096],
  [1_920, 1_080, 1_105, 910, 1_508, 1_810, 2_040, 2_448, 1_560, 2_691, 1_548, 1_548],
  [3_840, 2_160, 1_105, 910, 1_508, 1_810, 8_160, 9_792, 1_560, 4_784, 3_870, 3_870],
  [2_048, 4_096, 1_105, 910, 1_458, 1_750, 8_192, 9_831, 1_568, 4_232, 4_644, 4_644],
  [4_032, 3_024, 765, 630, 1_452, 1_743, 9_890, 11_868, 1_564, 4_740, 6_192, 6_192],
];

describe('the tokens of an image', () => {
  it.each(VECTORS)('of %i × %i are those of the published rules', (width, height, ...expected) => {
    const size = { width: width!, height: height! };
    expect([
      imageTokens(TILES_4O, size),
      imageTokens(TILES_GPT5, size),
      imageTokens(PATCHES, size, 'high'),
      imageTokens(multiplied(PATCHES, 1_200), size, 'high'),
      imageTokens(PATCHES, size, 'original'),
      imageTokens(multiplied(PATCHES, 1_200), size, 'original'),
      imageTokens(CLAUDE, size),
      imageTokens(CLAUDE_HIGH, size),
      imageTokens({ ...GEMINI, tiling: 'grid' }, size),
      imageTokens({ ...GEMINI, tiling: 'crops' }, size),
    ]).toEqual(expected);
    expect(imageTokens(GEMINI, size)).toBe(Math.max(expected[8]!, expected[9]!));
  });

  it.each([
    [1_800, 2_400, 1_056, 1_408],
    [1_920, 1_080, 1_649, 928],
    [3_840, 2_160, 1_649, 928],
    [2_048, 4_096, 864, 1_728],
    [4_032, 3_024, 1_408, 1_056],
  ])('of %i × %i are counted at %i × %i by patches', (width, height, ...reduced) => {
    const fitted = patchedSize({ width, height }, { patch: 32, budget: 1_536, sideMax: 2_048 });
    expect([fitted.width, fitted.height]).toEqual(reduced);
  });

  it.each([
    [1_568, 1_568, 1_800, 2_400, 952, 1_270],
    [1_568, 1_568, 1_920, 1_080, 1_456, 819],
    [1_568, 1_568, 2_048, 4_096, 784, 1_568],
    [1_568, 1_568, 4_032, 3_024, 1_270, 952],
    [4_784, 2_576, 1_800, 2_400, 1_659, 2_212],
    [4_784, 2_576, 3_840, 2_160, 2_576, 1_449],
    [4_784, 2_576, 2_048, 4_096, 1_288, 2_576],
    [4_784, 2_576, 4_032, 3_024, 2_212, 1_659],
  ])('with a budget of %i and sides of %i turn %i × %i into %i × %i', (...figures) => {
    const [budget, sideMax, width, height, ...reduced] = figures;
    const fitted = reducedSize({ width, height }, { patch: 28, budget, sideMax });
    expect([fitted.width, fitted.height]).toEqual(reduced);
  });

  it('follow the detail that was asked for', () => {
    const size = { width: 4_032, height: 3_024 };
    expect(imageTokens(TILES_4O, size, 'low')).toBe(85);
    expect(imageTokens(PATCHES, size, 'low')).toBe(16 * 12);
    expect(imageTokens(PATCHES, size)).toBe(1_452);
    expect(imageTokens({ ...PATCHES, autoDetail: 'original' }, size)).toBe(9_890);
    const { originalPatchBudget: _budget, originalSideMax: _side, ...plain } = PATCHES;
    expect(imageTokens(plain, size, 'original')).toBe(1_452);
  });

  it('are never more than the strategy or the model allows, and a whole number of at least one', () => {
    const side = fc.integer({ min: 1, max: 16_384 });
    const terms = fc.constantFrom(TILES_4O, multiplied(PATCHES, 2_460), CLAUDE, CLAUDE_HIGH, GEMINI);
    const detail = fc.constantFrom('auto' as const, 'low' as const, 'high' as const, 'original' as const);
    fc.assert(
      fc.property(terms, side, side, detail, (strategy, width, height, asked) => {
        const tokens = imageTokens({ ...strategy, perImageMax: 1_000_000 }, { width, height }, asked);
        expect(Number.isSafeInteger(tokens) && tokens >= 1).toBe(true);
        const most = strategyMax(strategy);
        if (most !== null) expect(tokens).toBeLessThanOrEqual(most);
        expect(imageTokens({ ...strategy, perImageMax: 100 }, { width, height }, asked)).toBeLessThanOrEqual(100);
        // Whichever way up a picture is held, it counts the same, but for the rounding of a side.
        const turned = imageTokens({ ...strategy, perImageMax: 1_000_000 }, { width: height, height: width }, asked);
        expect(turned).toBe(tokens);
      }),
      { numRuns: 2_000 },
    );
  });
});
