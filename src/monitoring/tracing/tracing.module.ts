import { Module } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { NoTracing, Tracing } from './tracing.js';

/** The libraries of tracing are loaded where a collector is named, and nowhere else. */
async function makeTracing({ traces }: Config): Promise<Tracing> {
  if (!traces) return new NoTracing();
  const { OtlpTracing } = await import('./otlp-tracing.js');
  return new OtlpTracing(traces);
}

@Module({
  providers: [{ provide: Tracing, inject: [Config], useFactory: makeTracing }],
  exports: [Tracing],
})
export class TracingModule {}
