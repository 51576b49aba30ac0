import { billingPeriod } from '../../src/subscription/domain/billing-period.js';

export const CREDIT = 1_000_000n;
export const DAY_MS = 86_400_000;
/** When the subscriptions of the specs begin. */
export const ANCHOR = new Date('2026-06-01T00:00:00.000Z');

/** So many days later. */
export const at = (days: number): Date => new Date(ANCHOR.getTime() + days * DAY_MS);
/** When the period ends. */
export const end = (index: number): Date => billingPeriod(ANCHOR, index).end;
