import { createHash, timingSafeEqual } from 'node:crypto';
import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { textOf } from '../common/http/api-schemas.js';
import { Public } from '../common/http/route-markers.js';
import { Config } from '../config/config.js';
import { Metrics } from './metrics.js';
import { MetricsForbiddenError } from './monitoring.errors.js';

const LOOPBACK = /^(::ffff:)?127\.|^::1$/;
/** A proxy on this machine is a loopback peer, too; these tell that it asks for somebody else. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

@ApiTags('machine')
@Public()
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly config: Config,
  ) {}

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('cache-control', 'no-store')
  @ApiSecurity('metrics')
  @ApiOperation({ summary: 'Metrics of this process, for Prometheus' })
  @ApiResponse({ status: 200, description: "Prometheus' text format", content: textOf('text/plain') })
  @ApiResponse({
    status: 403,
    description: 'METRICS_TOKEN is set and was not sent, or is unset and somebody elsewhere asks',
  })
  async read(@Req() request: FastifyRequest): Promise<string> {
    this.refuseStrangers(request);
    return this.metrics.text();
  }

  private refuseStrangers({ headers, socket }: FastifyRequest): void {
    const { metricsToken } = this.config;
    const isAllowed =
      metricsToken === undefined
        ? LOOPBACK.test(socket.remoteAddress ?? '') && !FORWARDED.some((name) => name in headers)
        : isSame(headers.authorization ?? '', `Bearer ${metricsToken}`);
    if (!isAllowed) throw new MetricsForbiddenError(metricsToken !== undefined);
  }
}

/** In a time that tells nothing of where they differ. */
function isSame(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
