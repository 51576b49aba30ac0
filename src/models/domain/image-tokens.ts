/** How an image becomes tokens, as `meta.imageTokens` holds it. Which numbers count is the strategy's. */
export interface ImageTokenTerms {
  strategy: 'openai_tiles' | 'openai_patches' | 'anthropic_patches' | 'gemini_tiles';
  /** No image counts more, whatever its size: what a hold takes for one whose size is not known. */
  perImageMax: number;
  perImageMin?: number | undefined;
  baseTokens?: number | undefined;
  tileTokens?: number | undefined;
  patchSize?: number | undefined;
  patchBudget?: number | undefined;
  sideMax?: number | undefined;
  /** Thousandths by which patches are multiplied. */
  multiplierThousandths?: number | undefined;
  /** What `detail: original` allows on models that know it; on others it is `high`. */
  originalPatchBudget?: number | undefined;
  originalSideMax?: number | undefined;
  /** What `auto`, which is also no detail at all, stands for. */
  autoDetail?: 'high' | 'original' | undefined;
  /** Google publishes two ways to count tiles; the default takes the larger. */
  tiling?: 'grid' | 'crops' | 'larger' | undefined;
}

export interface ImageSize {
  width: number;
  height: number;
}

export type ImageDetail = 'auto' | 'low' | 'high' | 'original';

/** The side to which OpenAI shrinks an image of low detail. */
const LOW_SIDE = 512;
const TILE_SIDE = 512;
const TILES_FIT_SIDE = 2_048;
const TILES_SHORT_SIDE = 768;
const GEMINI_TILE_SIDE = 768;
const GEMINI_SMALL_SIDE = 384;
const GEMINI_CROP_MIN = 256;
/** Patches are multiplied by thousandths. */
const WHOLE = 1_000;

/** The tokens that one image of this size counts. Whole numbers throughout: a size that fits exactly never becomes one patch too many. */
export function imageTokens(terms: ImageTokenTerms, size: ImageSize, detail: ImageDetail = 'auto'): number {
  const counted = countTokens(terms, size, detail);
  return Math.max(terms.perImageMin ?? 0, Math.min(counted, terms.perImageMax));
}

function countTokens(terms: ImageTokenTerms, size: ImageSize, detail: ImageDetail): number {
  switch (terms.strategy) {
    case 'openai_tiles':
      return openAiTiles(terms, size, detail);
    case 'openai_patches':
      return openAiPatches(terms, size, detail);
    case 'anthropic_patches':
      return anthropicPatches(terms, size);
    case 'gemini_tiles':
      return geminiTiles(terms, size);
  }
}

function openAiTiles(terms: ImageTokenTerms, { width, height }: ImageSize, detail: ImageDetail): number {
  const base = terms.baseTokens ?? 0;
  if (detail === 'low') return base;
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  // The sides after both reductions, as fractions of a common denominator.
  const [longSide, shortSide, denominator] =
    short * Math.min(long, TILES_FIT_SIDE) > TILES_SHORT_SIDE * long
      ? [TILES_SHORT_SIDE * long, TILES_SHORT_SIDE * short, short]
      : [Math.min(long, TILES_FIT_SIDE) * long, Math.min(long, TILES_FIT_SIDE) * short, long];
  const tiles = ceilDiv(longSide, denominator * TILE_SIDE) * ceilDiv(shortSide, denominator * TILE_SIDE);
  return base + (terms.tileTokens ?? 0) * tiles;
}

function openAiPatches(terms: ImageTokenTerms, size: ImageSize, detail: ImageDetail): number {
  const asked = detail === 'auto' ? (terms.autoDetail ?? 'high') : detail;
  const isOriginal = asked === 'original' && terms.originalPatchBudget !== undefined;
  const budget = (isOriginal ? terms.originalPatchBudget : terms.patchBudget) ?? Infinity;
  const sideMax = (isOriginal ? terms.originalSideMax : terms.sideMax) ?? Infinity;
  const fitted = patchedSize(size, {
    patch: terms.patchSize ?? 1,
    budget,
    sideMax: asked === 'low' ? Math.min(sideMax, LOW_SIDE) : sideMax,
  });
  return ceilDiv(Math.min(fitted.patches, budget) * (terms.multiplierThousandths ?? WHOLE), WHOLE);
}

/**
 * OpenAI's reduction to a budget of patches: into the largest side, then, where that is still too much, to the largest size whose one side
 * is a whole number of patches.
 */
export function patchedSize(
  { width, height }: ImageSize,
  { patch, budget, sideMax }: { patch: number; budget: number; sideMax: number },
): ImageSize & { patches: number } {
  const long = Math.max(width, height);
  const fit = Math.min(long, sideMax);
  const patches = ceilDiv(width * fit, long * patch) * ceilDiv(height * fit, long * patch);
  if (patches <= budget) {
    return { width: Math.floor((width * fit) / long), height: Math.floor((height * fit) / long), patches };
  }
  const across = largestRoot(budget * width, height);
  const down = largestRoot(budget * height, width);
  const isWidthWhole = across * height <= down * width;
  const reduced = isWidthWhole
    ? { width: across * patch, height: Math.floor((across * patch * height) / width) }
    : { width: Math.floor((down * patch * width) / height), height: down * patch };
  return { ...reduced, patches: ceilDiv(reduced.width, patch) * ceilDiv(reduced.height, patch) };
}

function anthropicPatches(terms: ImageTokenTerms, size: ImageSize): number {
  return reducedSize(size, {
    patch: terms.patchSize ?? 1,
    budget: terms.patchBudget ?? Infinity,
    sideMax: terms.sideMax ?? Infinity,
  }).patches;
}

/** Anthropic's reduction: the largest whole long edge at which both limits hold, the other side rounded. */
export function reducedSize(
  { width, height }: ImageSize,
  { patch, budget, sideMax }: { patch: number; budget: number; sideMax: number },
): ImageSize & { patches: number } {
  const long = Math.max(width, height);
  const short = Math.min(width, height);
  for (let edge = Math.min(long, sideMax); ; edge--) {
    const other = Math.max(1, roundDiv(edge * short, long));
    const patches = ceilDiv(edge, patch) * ceilDiv(other, patch);
    if (patches > budget && edge > 1) continue;
    return width >= height ? { width: edge, height: other, patches } : { width: other, height: edge, patches };
  }
}

function geminiTiles(terms: ImageTokenTerms, { width, height }: ImageSize): number {
  const each = terms.tileTokens ?? 0;
  if (Math.max(width, height) <= GEMINI_SMALL_SIDE) return each;
  const side = terms.sideMax ?? GEMINI_TILE_SIDE;
  const crop = Math.min(Math.max(Math.floor((Math.min(width, height) * 2) / 3), GEMINI_CROP_MIN), side);
  const grid = ceilDiv(width, side) * ceilDiv(height, side);
  const crops = ceilDiv(width, crop) * ceilDiv(height, crop);
  const tiles = { grid, crops, larger: Math.max(grid, crops) };
  return each * tiles[terms.tiling ?? 'larger'];
}

function ceilDiv(value: number, divisor: number): number {
  return Math.floor(value / divisor) + (value % divisor === 0 ? 0 : 1);
}

/** Half goes to the even neighbour, as the provider's own arithmetic has it. */
function roundDiv(value: number, divisor: number): number {
  const whole = Math.floor(value / divisor);
  const rest = 2 * (value % divisor);
  return rest > divisor || (rest === divisor && whole % 2 === 1) ? whole + 1 : whole;
}

/** The largest whole k with k² × divisor ≤ value. */
function largestRoot(value: number, divisor: number): number {
  let root = Math.floor(Math.sqrt(value / divisor));
  while (root * root * divisor > value) root--;
  while ((root + 1) * (root + 1) * divisor <= value) root++;
  return Math.max(1, root);
}

/** The most that a strategy makes of any image, where its own numbers bound it; null where only the image's size does. */
export function strategyMax(terms: ImageTokenTerms): number | null {
  const patches = Math.max(terms.patchBudget ?? 0, terms.originalPatchBudget ?? 0);
  switch (terms.strategy) {
    case 'openai_tiles': {
      const across = TILES_FIT_SIDE / TILE_SIDE;
      return (terms.baseTokens ?? 0) + (terms.tileTokens ?? 0) * across * ceilDiv(TILES_SHORT_SIDE, TILE_SIDE);
    }
    case 'openai_patches':
      return ceilDiv(patches * (terms.multiplierThousandths ?? WHOLE), WHOLE);
    case 'anthropic_patches':
      return patches;
    case 'gemini_tiles':
      return null;
  }
}

/** The numbers without which a strategy cannot count. */
export const STRATEGY_NUMBERS: Readonly<Record<ImageTokenTerms['strategy'], readonly (keyof ImageTokenTerms)[]>> = {
  openai_tiles: ['baseTokens', 'tileTokens'],
  openai_patches: ['patchSize', 'patchBudget', 'sideMax'],
  anthropic_patches: ['patchSize', 'patchBudget', 'sideMax'],
  gemini_tiles: ['tileTokens'],
};
