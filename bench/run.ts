import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FULL_ANALYSIS, QUICK_ANALYSIS, runAnalysisBench } from './analysis/analysis-bench.js';
import { analysisTables, writeAnalysisReport } from './analysis/analysis-report.js';
import {
  FULL as FULL_AUTH,
  QUICK as QUICK_AUTH,
  runAuthBench,
  toAuthTable,
  writeAuthReport,
} from './auth/auth-bench.js';
import { Cast } from './cast.js';
import { type Contender, startMock } from './contenders.js';
import { type LatencyMeasurement, measureLatency } from './latency.js';
import { describeMachine, loadAverage } from './machine.js';
import { type Load, type Measurement, measure, run } from './measure.js';
import { ratioTable, type Report, toTable, writeReport } from './report.js';
import { PEERS, type Scenario, SCENARIOS } from './scenarios.js';
import { FULL, QUICK, runEngineBench } from './engine/engine-bench.js';
import { tablesOf, toMarkdown, writeEngineReport } from './engine/engine-report.js';
import { soak, writeSoakReport } from './soak.js';
import { type Row, summarise } from './summary.js';
import { FULL_USAGE, QUICK_USAGE, runUsageBench } from './usage/usage-bench.js';
import { usageFaults, usageTables, writeUsageReport } from './usage/usage-report.js';

const USAGE = `Usage: npm run bench -- [inference | engine | usage | auth | analysis | soak] [options]

Measures this server beside a bare proxy, Portkey's gateway and no gateway at all, interleaved, against one mock provider. Ends with exit
code 1 when the books do not equal the provider's bill afterwards.

  inference: the way of a request, which is what is measured unless something is named; --only does the same
  --contenders "${PEERS.join(',')}"   who takes part where a scenario names nobody
  --scenarios ${SCENARIOS.map(({ name }) => name).join(',')}
  --connections 128   --seconds 5   --rounds 3   the load
  --warm-up 15        seconds of it that everybody has before the first round: a runtime compiles what it runs often
  --delay 0           milliseconds until the provider answers

  engine: pairs of reserve and settle, the close of periods and the reconciliation on a PostgreSQL of its own
  --seconds 3   --rounds 3   --accounts 10000
  --sizes 10000,100000,1000000   subscriptions whose periods are closed
  --quick             small sizes that prove nothing but that everything runs

  usage: lists, reports, roll-up, export and admission on a ledger of production size, on a PostgreSQL of its own; fails when the books do
  not balance or a question does not use its index
  --rows 10000000   --users 100000   about 25 GB of disk
  --quick             small sizes that prove nothing but that everything runs

  auth: the check of a token beside a look-up, refreshes and sign-ins per second, what hashing does to others
  --seconds 3   --rounds 3   --quick

  analysis: analyses worked off beside a worker of pg-boss that does nothing, how soon one starts, open event streams, and lists and
  reports over many, on a PostgreSQL of its own
  --jobs 3000   --rounds 3   --streams 1000   --seconds 300   --rows 1000000   --repeats 30
  --quick             small sizes that prove nothing but that everything runs

  soak: streams at a constant rate, and the memory of the first against the last third
  --seconds 600   --rate 100   --connections 32

  --out bench/results where the JSON and the HTML go`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    contenders: { type: 'string', default: PEERS.join(',') },
    scenarios: { type: 'string', default: SCENARIOS.map(({ name }) => name).join(',') },
    only: { type: 'string', default: 'inference' },
    quick: { type: 'boolean' },
    accounts: { type: 'string' },
    rows: { type: 'string' },
    jobs: { type: 'string' },
    streams: { type: 'string' },
    repeats: { type: 'string' },
    users: { type: 'string' },
    sizes: { type: 'string' },
    connections: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    delay: { type: 'string', default: '0' },
    'warm-up': { type: 'string', default: '15' },
    rate: { type: 'string', default: '100' },
    out: { type: 'string', default: join(import.meta.dirname, '..', '..', 'bench', 'results') },
    help: { type: 'boolean', short: 'h' },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const subject = positionals[0] ?? values.only;
if (values.help) say(USAGE);
else if (subject === 'inference' || subject === 'gateway') process.exitCode = await benchInference();
else if (subject === 'engine') process.exitCode = await benchEngine();
else if (subject === 'usage') process.exitCode = await benchUsage();
else if (subject === 'auth') process.exitCode = await benchAuth();
else if (subject === 'analysis') process.exitCode = await benchAnalysis();
else if (subject === 'soak') process.exitCode = await benchSoak();
else {
  say(`There is no "${subject}" to measure. There are: inference, engine, usage, auth, analysis, soak\n\n${USAGE}`);
  process.exitCode = 1;
}

async function benchEngine(): Promise<number> {
  const base = values.quick ? QUICK : FULL;
  const numberOf = (text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : positive(text);
  const settings = {
    ...base,
    accounts: numberOf(values.accounts, base.accounts),
    seconds: numberOf(values.seconds, base.seconds),
    rounds: numberOf(values.rounds, base.rounds),
    sizes: values.sizes === undefined ? base.sizes : values.sizes.split(',').map(positive),
  };
  const report = await runEngineBench(settings, say);
  for (const table of tablesOf(report)) say(`\n${toMarkdown(table)}`);
  const files = writeEngineReport(report, values.out);
  say(`\n${files.json}\n${files.html}`);
  const { faults } = report;
  say(faults.length === 0 ? 'The books balance.' : `THE BOOKS DO NOT BALANCE:\n${faults.join('\n')}`);
  return faults.length === 0 ? 0 : 1;
}

async function benchUsage(): Promise<number> {
  const base = values.quick ? QUICK_USAGE : FULL_USAGE;
  const report = await runUsageBench(
    {
      ...base,
      rows: positive(values.rows ?? String(base.rows)),
      users: positive(values.users ?? String(base.users)),
    },
    say,
  );
  for (const table of usageTables(report)) say(`\n${toMarkdown(table)}`);
  say(`\n${writeUsageReport(report, values.out)}`);
  const faults = usageFaults(report);
  say(faults.length === 0 ? 'Nothing is at fault.' : `FAILED:\n${faults.join('\n')}`);
  return faults.length === 0 ? 0 : 1;
}

async function benchAuth(): Promise<number> {
  const base = values.quick ? QUICK_AUTH : FULL_AUTH;
  const settings = {
    ...base,
    seconds: values.seconds === undefined ? base.seconds : positive(values.seconds),
    rounds: values.rounds === undefined ? base.rounds : positive(values.rounds),
  };
  const report = await runAuthBench(settings, say);
  say(`\n${toAuthTable(report)}\n\n${writeAuthReport(report, values.out)}`);
  say(
    report.isBarMet
      ? 'A verified token is at least twice as fast as a look-up.'
      : 'A VERIFIED TOKEN IS NOT TWICE AS FAST AS A LOOK-UP.',
  );
  return report.isBarMet ? 0 : 1;
}

async function benchAnalysis(): Promise<number> {
  const base = values.quick ? QUICK_ANALYSIS : FULL_ANALYSIS;
  const chosen = (['jobs', 'rounds', 'rows', 'repeats', 'streams', 'seconds'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [[name, positive(values[name])] as const],
  );
  const report = await runAnalysisBench({ ...base, ...Object.fromEntries(chosen) }, say);
  for (const table of analysisTables(report)) say(`\n${toMarkdown(table)}`);
  say(`\n${writeAnalysisReport(report, values.out)}`);
  const { faults } = report;
  say(faults.length === 0 ? 'The books equal the provider’s bill.' : `THE BOOKS DO NOT BALANCE:\n${faults.join('\n')}`);
  return faults.length === 0 ? 0 : 1;
}

async function benchSoak(): Promise<number> {
  const settings = {
    seconds: positive(values.seconds ?? '600'),
    requestsPerSecond: positive(values.rate),
    connections: positive(values.connections ?? '32'),
  };
  const report = await soak(settings, say);
  const { requests, latencyP99Ms, firstThirdMebibytes, lastThirdMebibytes, faults } = report;
  say(`${requests} streams, p99 ${latencyP99Ms} ms`);
  say(`Resident memory: ${firstThirdMebibytes} MiB in the first third, ${lastThirdMebibytes} MiB in the last.`);
  say(writeSoakReport(report, values.out));
  say(faults.length === 0 ? 'The books equal the provider’s bill.' : `THE BOOKS DO NOT BALANCE:\n${faults.join('\n')}`);
  return faults.length === 0 ? 0 : 1;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`"${text}" is no number above 0`);
  return value;
}

async function benchInference(): Promise<number> {
  const settings = {
    connections: Number(values.connections ?? '128'),
    seconds: Number(values.seconds ?? '5'),
    rounds: Number(values.rounds ?? '3'),
    warmUpSeconds: positive(values['warm-up']),
    delayMs: Number(values.delay),
  };
  const scenarios = SCENARIOS.filter(({ name }) => values.scenarios.split(',').includes(name));
  const startedAt = new Date().toISOString();
  const mock = await startMock(settings.delayMs);
  const cast = new Cast(mock, say);
  try {
    const rows: Row[] = [];
    const unmeasured: string[] = [];
    for (const [index, scenario] of scenarios.entries()) {
      const contenders = await cast.take(castOf(scenario));
      rows.push(...(await runScenario(scenario, contenders, { ...settings, unmeasured })));
      await cast.keepOnly(scenarios.slice(index + 1).flatMap(castOf));
    }
    say('Checking the books …');
    const faults = await cast.check();
    const machine = { ...describeMachine(), loadAverage: loadAverage() };
    const report: Report = { startedAt, machine, settings, rows, unmeasured, faults };
    say(`\n${toTable(rows)}\n\n${ratioTable(rows)}\n${unmeasured.join('\n')}\n`);
    const files = writeReport(report, values.out);
    say(`${files.json}\n${files.html}`);
    if (cast.hasBooks)
      say(
        faults.length === 0
          ? 'The books equal the provider’s bill.'
          : `THE BOOKS DO NOT BALANCE:\n${faults.join('\n')}`,
      );
    return faults.length === 0 ? 0 : 1;
  } finally {
    await cast.stop();
    await mock.stop();
  }
}

function castOf(scenario: Scenario): string[] {
  return [...(scenario.contenders ?? values.contenders.split(','))];
}

type Round = Measurement & LatencyMeasurement;

async function runScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  settings: { connections: number; seconds: number; rounds: number; warmUpSeconds: number; unmeasured: string[] },
): Promise<Row[]> {
  const { rounds, seconds, warmUpSeconds, unmeasured } = settings;
  const { body, users, connections = settings.connections } = scenario;
  const load = { body, users, connections, seconds };
  const results = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contender, measured] of results) {
      try {
        if (round === 1) await run(contender, { ...load, seconds: warmUpSeconds });
        const result = await runOnce(contender, load);
        measured.push(result);
        say(
          `${scenario.name}, round ${round} of ${rounds}, ${contender.name}: ${result.requestsPerSecond.toFixed(0)} requests per second`,
        );
      } catch (error) {
        // A peer that cannot do the scenario is left out and said so; for this server it is the end.
        if (contender.isOwn) throw error;
        unmeasured.push(`${scenario.name}: ${(error as Error).message}`);
        results.delete(contender);
        say(unmeasured.at(-1)!);
      }
    }
  }
  return [...results].map(([contender, measured]) => summarise(scenario.name, contender.name, measured));
}

async function runOnce(contender: Contender, load: Load): Promise<Round> {
  const throughput = await measure(contender, load);
  const { body, users = load.connections, seconds } = load;
  const latency = await measureLatency(contender, {
    body,
    users,
    seconds: Math.max(1, seconds / 2),
    throughput: throughput.requestsPerSecond,
  });
  return { ...throughput, ...latency };
}
