import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';

/** The times of answers of one part of the API, in milliseconds. */
export interface TimesOfService {
  service: string;
  requests: number;
  p50: number;
  p95: number;
  p99: number;
}

/** How long answers took since they were last looked at. */
@Injectable()
export class RequestTimes {
  private readonly histograms = new Map<string, RecordableHistogram>();

  record(service: string, responseMs: number): void {
    let histogram = this.histograms.get(service);
    if (!histogram) this.histograms.set(service, (histogram = createHistogram()));
    // It takes whole numbers above nothing.
    histogram.record(Math.max(1, Math.round(responseMs)));
  }

  /** Takes the times that were gathered; it begins anew. */
  take(): TimesOfService[] {
    const taken = [...this.histograms].filter(([, { count }]) => count > 0);
    return taken.map(([service, histogram]) => {
      const at = (percent: number): number => histogram.percentile(percent);
      const times = { service, requests: histogram.count, p50: at(50), p95: at(95), p99: at(99) };
      histogram.reset();
      return times;
    });
  }
}
