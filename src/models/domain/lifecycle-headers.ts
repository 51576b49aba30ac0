import type { CatalogueModel } from './catalogue-model.js';

/** The path under which clients read a model. */
function modelPath(id: string): string {
  return `/v1/models/${encodeURIComponent(id)}`;
}

/** Where the successor of a model is described, as a `Link` (RFC 8288). */
export function successorLink(id: string): string {
  return `<${modelPath(id)}>; rel="successor-version"`;
}

/**
 * What an answer tells of a model that is going away: since when (`Deprecation`, RFC 9745), until when (`Sunset`, RFC 8594) and what
 * follows it. A last day is told also before the model is legacy, because it comes all the same. Empty for every other model.
 */
export function lifecycleHeaders(model: CatalogueModel): Record<string, string> {
  const { sunsetDate, legacyReplacementModelId } = model.meta;
  const sunset = sunsetDate !== undefined && { sunset: new Date(`${sunsetDate}T00:00:00Z`).toUTCString() };
  if (!model.isLegacy) return { ...sunset };
  const since = Math.floor((model.legacySince ?? model.createdAt).getTime() / 1000);
  return {
    deprecation: `@${since}`,
    ...sunset,
    ...(legacyReplacementModelId !== undefined && { link: successorLink(legacyReplacementModelId) }),
  };
}
