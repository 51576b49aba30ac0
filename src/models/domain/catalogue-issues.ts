import type { DocumentIssue } from './document-issue.js';
import type { ModelMeta } from './model-meta.js';

/** What a model's meta is checked against: the other models. */
export interface Neighbour {
  id: string;
  meta: Pick<ModelMeta, 'aliases' | 'legacyReplacementModelId'>;
}

/** The faults of a model that show only beside the others: a name taken twice, a successor that is unknown or leads back. */
export function catalogueIssues(model: Neighbour, others: readonly Neighbour[]): DocumentIssue[] {
  const neighbours = others.filter((other) => other.id !== model.id);
  return [...nameIssues(model, neighbours), ...successorIssues(model, neighbours)];
}

function nameIssues(model: Neighbour, neighbours: readonly Neighbour[]): DocumentIssue[] {
  const taken = new Map<string, string>();
  for (const { id, meta } of neighbours) {
    for (const name of [id, ...(meta.aliases ?? [])]) taken.set(name, id);
  }
  const issues: DocumentIssue[] = [];
  const owner = taken.get(model.id);
  if (owner !== undefined) issues.push({ path: ['id'], message: `is an alias of ${owner}` });
  model.meta.aliases?.forEach((alias, index) => {
    const path = ['meta', 'aliases', index];
    const other = taken.get(alias);
    if (other !== undefined) issues.push({ path, message: `already names ${other}` });
    else if (alias === model.id) issues.push({ path, message: 'is the id of this model' });
  });
  return issues;
}

function successorIssues(model: Neighbour, neighbours: readonly Neighbour[]): DocumentIssue[] {
  const path = ['meta', 'legacyReplacementModelId'];
  const successors = new Map(neighbours.map(({ id, meta }) => [id, meta.legacyReplacementModelId]));
  const visited = [model.id];
  let next = model.meta.legacyReplacementModelId;
  if (next !== undefined && next !== model.id && !successors.has(next)) {
    return [{ path, message: `names no model: ${next}` }];
  }
  while (next !== undefined) {
    if (visited.includes(next)) return [{ path, message: `leads in a circle: ${[...visited, next].join(' to ')}` }];
    visited.push(next);
    next = successors.get(next);
  }
  return [];
}
