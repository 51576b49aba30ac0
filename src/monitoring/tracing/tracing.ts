import type { TraceParent } from '../domain/traceparent.js';

/** What is told of a step. Figures, names and codes: never a prompt, an answer, a message of an error or anything else that a person wrote. */
export type SpanFacts = Record<string, string | number | boolean | string[] | undefined>;

/** On which side of a call a step is; `internal` for what calls nobody. */
export type SpanSide = 'server' | 'client' | 'internal';

/** A step under way. */
export interface OpenSpan {
  readonly traceId: string | undefined;
  /** The W3C header for whom the step calls. */
  readonly traceparent: string | undefined;
  note(facts: SpanFacts): void;
  /** What `work` opens becomes a part of this step. */
  within<Result>(work: () => Result): Result;
  /** To be called once; with the error that the step came to, if it came to one. */
  end(error?: unknown): void;
}

export interface SpanOptions {
  side?: SpanSide;
  facts?: SpanFacts;
  /** Whose step it is; without it that of the present step. Null begins a trace. */
  parent?: TraceParent | null;
}

/** The steps of requests, for a collector of traces. */
export abstract class Tracing {
  /** Whether anyone collects them: what costs something only to be traced asks this first. */
  abstract readonly isOn: boolean;
  /** Of the present step. */
  abstract readonly traceId: string | undefined;
  abstract open(name: string, options?: SpanOptions): OpenSpan;

  /** Runs `work` as a step of what is under way, and notes how it ended. */
  abstract step<Result>(name: string, work: (span: OpenSpan) => Promise<Result>): Promise<Result>;
}

const UNTRACED: OpenSpan = {
  traceId: undefined,
  traceparent: undefined,
  note: () => undefined,
  within: (work) => work(),
  end: () => undefined,
};

/** Nobody collects traces: a step is only what it does. */
export class NoTracing extends Tracing {
  readonly isOn = false;
  readonly traceId = undefined;

  open(): OpenSpan {
    return UNTRACED;
  }

  step<Result>(_name: string, work: (span: OpenSpan) => Promise<Result>): Promise<Result> {
    return work(UNTRACED);
  }
}
