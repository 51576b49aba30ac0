/** Analyses that wait for a model. */
export const ANALYSES_QUEUE = 'analyses';
/** Analyses that rules have answered, and a model may still. */
export const UPGRADES_QUEUE = 'analysis-upgrades';
