import { unstorableIn } from '../common/domain/storable.js';
import type { FieldError } from '../common/errors/app-error.js';
import { issuesWithin, type Neighbourhood } from './domain/catalogue-issues.js';
import { formatPath, readIssues } from './domain/document-issue.js';
import { MODEL_ID_PATTERN, ModelMeta } from './domain/model-meta.js';

/** The widths of the columns. */
const NAME_LENGTH_MAX = 255;
const PROVIDER_LENGTH_MAX = 100;
/** Far beyond any real model; a catalogue is held in memory by every process. */
const META_LENGTH_MAX = 256 * 1_024;

export interface ModelToCheck {
  id: string;
  name: string;
  provider: string;
  meta: unknown;
}

/** A model that may be stored, or every fault of it with its path. */
export type ModelCheck = { meta: ModelMeta; errors: [] } | { meta: ModelMeta | null; errors: FieldError[] };

/** Checks a model alone and beside the others; the neighbourhood holds it already, as it would be. */
export function checkModel(model: ModelToCheck, neighbourhood: Neighbourhood): ModelCheck {
  const parsed = ModelMeta.safeParse(model.meta);
  const issues = parsed.success
    ? issuesWithin(neighbourhood, { id: model.id, meta: parsed.data })
    : readIssues(parsed.error.issues).map(({ path, message }) => ({ path: ['meta', ...path], message }));
  const errors = [...columnErrors(model), ...issues.map(({ path, message }) => ({ field: formatPath(path), message }))];
  return { meta: parsed.success ? parsed.data : null, errors };
}

/** The faults of what stands in columns of its own, and of the size of the rest. */
export function columnErrors({ id, name, provider, meta }: ModelToCheck): FieldError[] {
  const errors: FieldError[] = [];
  if (!MODEL_ID_PATTERN.test(id)) {
    errors.push({ field: 'id', message: 'must be 1 to 100 letters, digits or . _ : / -' });
  }
  for (const [field, value] of Object.entries({ name, provider, meta })) {
    const unstorable = unstorableIn(value);
    if (unstorable !== null) errors.push({ field, message: `must not hold ${unstorable}` });
  }
  const lengths = { name: NAME_LENGTH_MAX, provider: PROVIDER_LENGTH_MAX };
  for (const [field, longest] of Object.entries(lengths)) {
    const text = field === 'name' ? name : provider;
    if (text.trim() === '') errors.push({ field, message: 'must not be empty' });
    else if (text.length > longest) errors.push({ field, message: `must have at most ${longest} characters` });
  }
  if (JSON.stringify(meta)?.length > META_LENGTH_MAX) {
    errors.push({ field: 'meta', message: `must have at most ${META_LENGTH_MAX} characters as JSON` });
  }
  return errors;
}
