import { type ApiService, serviceOf } from './service-of-route.js';

const HOUR_MS = 3_600_000;
/** Users times routes of some seconds; a few megabytes. */
const BUCKETS_MAX = 20_000;

/** The requests of one hour to one route by one user since they were last stored. */
export interface UsageBucket {
  service: ApiService;
  endpoint: string;
  method: string;
  userId: string | null;
  hourMs: number;
  requests: number;
  errors: number;
  responseMs: number;
  tokens: number;
  costNusd: bigint;
}

export interface BucketKey {
  method: string;
  endpoint: string;
  userId: string | null;
  atMs: number;
}

/** Sums of requests in memory. A request costs one look-up. Where there are too many users, the others are counted without their names. */
export class UsageBuckets {
  private readonly buckets = new Map<string, UsageBucket>();

  get size(): number {
    return this.buckets.size;
  }

  list(): UsageBucket[] {
    return [...this.buckets.values()];
  }

  at({ method, endpoint, userId, atMs }: BucketKey): UsageBucket {
    const hour = Math.floor(atMs / HOUR_MS);
    const key = `${hour} ${method} ${endpoint} ${userId ?? ''}`;
    const known = this.buckets.get(key);
    if (known) return known;
    if (userId !== null && this.buckets.size >= BUCKETS_MAX) return this.at({ method, endpoint, userId: null, atMs });
    const bucket: UsageBucket = {
      service: serviceOf(endpoint),
      endpoint,
      method,
      userId,
      hourMs: hour * HOUR_MS,
      requests: 0,
      errors: 0,
      responseMs: 0,
      tokens: 0,
      costNusd: 0n,
    };
    this.buckets.set(key, bucket);
    return bucket;
  }

  add(counted: UsageBucket): void {
    const bucket = this.at({ ...counted, atMs: counted.hourMs });
    bucket.requests += counted.requests;
    bucket.errors += counted.errors;
    bucket.responseMs += counted.responseMs;
    bucket.tokens += counted.tokens;
    bucket.costNusd += counted.costNusd;
  }
}
