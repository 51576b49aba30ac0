import type { DocumentIssue } from './document-issue.js';
import type { ModelMeta } from './model-meta.js';

/** What a model's meta is checked against: the other models. */
export interface Neighbour {
  id: string;
  meta: Pick<ModelMeta, 'aliases' | 'legacyReplacementModelId'>;
}

/** All models by the names they answer to and by their successors, so that many can be checked against one another in one pass. */
export interface Neighbourhood {
  owners: ReadonlyMap<string, readonly string[]>;
  successors: ReadonlyMap<string, string | undefined>;
}

/** Where two entries have the same id, the last one counts. */
export function neighbourhoodOf(models: readonly Neighbour[]): Neighbourhood {
  const latest = new Map(models.map((model) => [model.id, model.meta]));
  const owners = new Map<string, string[]>();
  for (const [id, { aliases = [] }] of latest) {
    for (const name of new Set([id, ...aliases])) owners.set(name, [...(owners.get(name) ?? []), id]);
  }
  return { owners, successors: new Map([...latest].map(([id, meta]) => [id, meta.legacyReplacementModelId])) };
}

/** The faults of a model that show only beside the others: a name taken twice, a successor that is unknown or leads back. */
export function catalogueIssues(model: Neighbour, others: readonly Neighbour[]): DocumentIssue[] {
  return issuesWithin(neighbourhoodOf([...others, model]), model);
}

/** The same for a model that is part of the neighbourhood already. */
export function issuesWithin(neighbourhood: Neighbourhood, model: Neighbour): DocumentIssue[] {
  return [...nameIssues(model, neighbourhood.owners), ...successorIssues(model, neighbourhood.successors)];
}

function nameIssues(model: Neighbour, owners: Neighbourhood['owners']): DocumentIssue[] {
  const ownerOf = (name: string): string | undefined => owners.get(name)?.find((id) => id !== model.id);
  const issues: DocumentIssue[] = [];
  const owner = ownerOf(model.id);
  if (owner !== undefined) issues.push({ path: ['id'], message: `is an alias of ${owner}` });
  model.meta.aliases?.forEach((alias, index) => {
    const path = ['meta', 'aliases', index];
    const other = ownerOf(alias);
    if (other !== undefined) issues.push({ path, message: `already names ${other}` });
    else if (alias === model.id) issues.push({ path, message: 'is the id of this model' });
  });
  return issues;
}

function successorIssues(model: Neighbour, successors: Neighbourhood['successors']): DocumentIssue[] {
  const path = ['meta', 'legacyReplacementModelId'];
  const visited = new Set([model.id]);
  let next = model.meta.legacyReplacementModelId;
  if (next !== undefined && !successors.has(next)) return [{ path, message: `names no model: ${next}` }];
  while (next !== undefined) {
    if (visited.has(next)) return [{ path, message: `leads in a circle: ${[...visited, next].join(' to ')}` }];
    visited.add(next);
    next = successors.get(next);
  }
  return [];
}
