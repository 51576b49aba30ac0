import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import {
  type Context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { AppError } from '../../common/errors/app-error.js';
import { PRODUCT_VERSION } from '../../common/version.js';
import type { TracesTarget } from '../../config/config.js';
import { formatTraceParent } from '../domain/traceparent.js';
import { type OpenSpan, type SpanFacts, type SpanOptions, type SpanSide, Tracing } from './tracing.js';

/** What waits for a collector that is slow or away; beyond it spans are dropped, because requests matter more. */
const SPANS_WAITING_MAX = 4_096;
const SPANS_PER_EXPORT = 512;
const EXPORT_EACH_MS = 500;
/** A collector is near; a process that ends waits no longer than this for it. */
const EXPORT_MS_MAX = 5_000;

const KINDS: Readonly<Record<SpanSide, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** Sends the steps of requests to an OpenTelemetry collector (OTLP over HTTP), in batches beside the requests. Loaded only where one is named. */
export class OtlpTracing extends Tracing implements OnApplicationShutdown {
  readonly isOn = true;
  private readonly contexts = new AsyncLocalStorageContextManager().enable();
  private readonly provider: TracerProvider;
  private readonly tracer: Tracer;

  constructor({ url, headers, sampledShare }: TracesTarget) {
    super();
    reportToLog();
    const exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: EXPORT_MS_MAX });
    this.provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'tollgate', 'service.version': PRODUCT_VERSION }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampledShare) }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter,
          maxQueueSize: SPANS_WAITING_MAX,
          maxExportBatchSize: SPANS_PER_EXPORT,
          scheduledDelayMillis: EXPORT_EACH_MS,
          exportTimeoutMillis: EXPORT_MS_MAX,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('tollgate', PRODUCT_VERSION);
  }

  get traceId(): string | undefined {
    return trace.getSpanContext(this.contexts.active())?.traceId;
  }

  open(name: string, { side = 'internal', facts = {}, parent }: SpanOptions = {}): OpenSpan {
    const context = parent === undefined ? this.contexts.active() : rootOf(parent);
    const span = this.tracer.startSpan(name, { kind: KINDS[side], attributes: facts }, context);
    return new TracedSpan(span, trace.setSpan(context, span), this.contexts);
  }

  async step<Result>(name: string, work: (span: OpenSpan) => Promise<Result>): Promise<Result> {
    const span = this.open(name);
    try {
      const result = await span.within(() => work(span));
      span.end();
      return result;
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  /** What was traced to the end is sent. A collector that is away does not keep the process. */
  async onApplicationShutdown(): Promise<void> {
    await this.provider.shutdown().catch(() => undefined);
    this.contexts.disable();
  }
}

class TracedSpan implements OpenSpan {
  constructor(
    private readonly span: Span,
    private readonly context: Context,
    private readonly contexts: AsyncLocalStorageContextManager,
  ) {}

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  get traceparent(): string {
    return formatTraceParent(this.span.spanContext());
  }

  note(facts: SpanFacts): void {
    this.span.setAttributes(facts);
  }

  within<Result>(work: () => Result): Result {
    return this.contexts.with(this.context, work);
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      this.span.setAttributes({ 'error.type': errorType(error) });
      // A refusal is what the step is for; only what went wrong is an error.
      if (!(error instanceof AppError) || error.status >= 500) this.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.span.end();
  }
}

function rootOf(parent: SpanOptions['parent']): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
}

/** The code or class of an error; its message may hold what a person wrote. */
function errorType(error: unknown): string {
  if (error instanceof AppError) return error.code;
  return error instanceof Error ? error.constructor.name : typeof error;
}

/** A collector that cannot be reached is told in the log, once for each batch that was lost. */
function reportToLog(): void {
  const logger = new Logger('Tracing');
  const warn = (message: string): void => logger.warn(message);
  const silent = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
