/** Analyses that wait for a model. */
export const ANALYSES_QUEUE = 'analyses';
/** Analyses that rules have answered, and a model may still. */
export const UPGRADES_QUEUE = 'analysis-upgrades';
/** Of one attempt, whichever queue it comes from: two answers at their longest, and their settlement. */
export const ATTEMPT_SECONDS_MAX = 1_300;
