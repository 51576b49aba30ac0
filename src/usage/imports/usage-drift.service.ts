import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CatalogueService } from '../../models/catalogue.service.js';
import type { ProviderFigure, ProviderFigures } from '../domain/provider-export.js';
import { driftPercent, isBeyond } from '../domain/usage-drift.js';
import type { UsageSum } from '../domain/usage-sum.js';
import { UsageReportService } from '../reports/usage-report.service.js';

const DAY_MS = 86_400_000;

export interface DriftAsked {
  provider: string;
  /** Days of UTC, both included. */
  firstDay: string;
  lastDay: string;
  thresholdPercent: number;
}

export interface DriftLine {
  day: string;
  /** As the provider is sent it. */
  model: string;
  provider: ProviderFigures;
  ledger: Required<ProviderFigures>;
  /** In percent, of the figures that the provider told. */
  drift: Partial<Record<ProviderFigure, number | null>>;
  isBeyond: boolean;
}

interface DayRow {
  day: string;
  model: string;
  requests: string | null;
  input_tokens: string | null;
  output_tokens: string | null;
  cost_nusd: string | null;
}

/** The ledger beside what a provider says of the same days. */
@Injectable()
export class UsageDriftService {
  constructor(
    private readonly em: EntityManager,
    private readonly reports: UsageReportService,
    private readonly catalogue: CatalogueService,
  ) {}

  /** A line for each model of each day that a file told of, latest first. Days that no file told of are left out. */
  async compare(asked: DriftAsked): Promise<DriftLine[]> {
    const told = await this.toldOf(asked);
    const toldFigures = figuresByDay(told);
    const ledger = await this.ledgerOf(asked, new Set(toldFigures.keys()));
    const keys = [...new Set([...told.keys(), ...ledger.keys()])].sort().reverse();
    return keys.map((key) => {
      const [day = '', model = ''] = key.split(/ (.*)/);
      const used = ledger.get(key) ?? NOTHING;
      // A model that the file does not name was not used, as far as the file tells of such figures.
      const provider = told.get(key) ?? (toldFigures.get(day) as ProviderFigures);
      return { day, model, provider, ledger: used, ...compared(used, provider, asked.thresholdPercent) };
    });
  }

  private async toldOf({ provider, firstDay, lastDay }: DriftAsked): Promise<Map<string, ProviderFigures>> {
    const rows = await this.em.fork().execute<DayRow[]>(
      `select to_char(day, 'YYYY-MM-DD') as day, model, requests::text, input_tokens::text, output_tokens::text, cost_nusd::text
         from provider_usage_days where provider = ? and day between ?::date and ?::date`,
      [provider, firstDay, lastDay],
    );
    return new Map(rows.map((row) => [`${row.day} ${row.model}`, toFigures(row)]));
  }

  private async ledgerOf(
    { provider, firstDay, lastDay }: DriftAsked,
    days: ReadonlySet<string>,
  ): Promise<Map<string, Required<ProviderFigures>>> {
    const from = new Date(`${firstDay}T00:00:00Z`);
    const to = new Date(Date.parse(`${lastDay}T00:00:00Z`) + DAY_MS);
    const lines = await this.reports.lines(
      { range: { from, to }, filter: { provider } },
      { unit: 'day', dimensions: ['model'], timeZone: 'UTC', fillsGaps: false },
    );
    const sums = new Map<string, Required<ProviderFigures>>();
    for (const line of lines) {
      const day = line.time!.slice(0, 10);
      if (!days.has(day)) continue;
      const key = `${day} ${this.nameOf(line.keys.model!)}`;
      sums.set(key, added(sums.get(key) ?? NOTHING, line));
    }
    return sums;
  }

  private nameOf(modelId: string): string {
    return this.catalogue.find(modelId)?.name ?? modelId;
  }
}

const NOTHING: Required<ProviderFigures> = { requests: 0n, inputTokens: 0n, outputTokens: 0n, costNusd: 0n };

function added(sum: Required<ProviderFigures>, line: UsageSum): Required<ProviderFigures> {
  return {
    requests: sum.requests + BigInt(line.requestCount),
    inputTokens: sum.inputTokens + line.inputTokens,
    outputTokens: sum.outputTokens + line.outputTokens,
    costNusd: sum.costNusd + line.costNusd,
  };
}

function toFigures(row: DayRow): ProviderFigures {
  return {
    ...(row.requests !== null && { requests: BigInt(row.requests) }),
    ...(row.input_tokens !== null && { inputTokens: BigInt(row.input_tokens) }),
    ...(row.output_tokens !== null && { outputTokens: BigInt(row.output_tokens) }),
    ...(row.cost_nusd !== null && { costNusd: BigInt(row.cost_nusd) }),
  };
}

/** For each day the figures that its files have, as nothing. */
function figuresByDay(told: ReadonlyMap<string, ProviderFigures>): Map<string, ProviderFigures> {
  const days = new Map<string, ProviderFigures>();
  for (const [key, figures] of told) {
    const day = key.slice(0, 10);
    const none = Object.fromEntries(Object.keys(figures).map((figure) => [figure, 0n]));
    days.set(day, { ...days.get(day), ...none });
  }
  return days;
}

function compared(
  ledger: Required<ProviderFigures>,
  provider: ProviderFigures,
  thresholdPercent: number,
): Pick<DriftLine, 'drift' | 'isBeyond'> {
  const figures = Object.entries(provider) as [ProviderFigure, bigint][];
  return {
    drift: Object.fromEntries(figures.map(([figure, amount]) => [figure, driftPercent(ledger[figure], amount)])),
    isBeyond: figures.some(([figure, amount]) => isBeyond(ledger[figure], amount, thresholdPercent)),
  };
}
