import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bareProxy, type Contender, type Mock, portkey, startMock, straight, tollgate } from './contenders.js';
import { type LatencyMeasurement, measureLatency } from './latency.js';
import { type Measurement, measure } from './measure.js';
import { ratioTable, type Report, toTable, writeReport } from './report.js';
import { type Scenario, SCENARIOS } from './scenarios.js';
import { FULL, QUICK, runEngineBench } from './engine/engine-bench.js';
import { tablesOf, toMarkdown, writeEngineReport } from './engine/engine-report.js';
import { soak, writeSoakReport } from './soak.js';
import { type Row, summarise } from './summary.js';

const USAGE = `Usage: npm run bench -- [options]

Measures this server beside a bare proxy, Portkey's gateway and no gateway at all, interleaved, against one mock provider. Ends with exit
code 1 when the books do not equal the provider's bill afterwards.

  --only gateway      what to measure: the way of a request (gateway), the credit engine alone (engine), or the
                      memory of the server under a constant load (soak)

  gateway:
  --contenders straight,proxy,portkey,tollgate   which to run
  --scenarios ${SCENARIOS.map(({ name }) => name).join(',')}           which to run
  --connections 128   --seconds 5   --rounds 3   the load
  --delay 0           milliseconds until the provider answers

  engine: pairs of reserve and settle, the close of periods and the reconciliation on a PostgreSQL of its own
  --seconds 3   --rounds 3   --accounts 10000
  --sizes 10000,100000,1000000   subscriptions whose periods are closed
  --quick             small sizes that prove nothing but that everything runs

  soak: streams at a constant rate, and the memory of the first against the last third
  --seconds 600   --rate 100   --connections 32

  --out bench/results where the JSON and the HTML go`;

const START: Record<string, (mock: Mock) => Promise<Contender>> = { straight, proxy: bareProxy, portkey, tollgate };

const { values } = parseArgs({
  options: {
    contenders: { type: 'string', default: Object.keys(START).join(',') },
    scenarios: { type: 'string', default: SCENARIOS.map(({ name }) => name).join(',') },
    only: { type: 'string', default: 'gateway' },
    quick: { type: 'boolean' },
    accounts: { type: 'string' },
    sizes: { type: 'string' },
    connections: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    delay: { type: 'string', default: '0' },
    rate: { type: 'string', default: '100' },
    out: { type: 'string', default: join(import.meta.dirname, '..', '..', 'bench', 'results') },
    help: { type: 'boolean', short: 'h' },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);
if (values.help) say(USAGE);
else if (values.only === 'gateway') process.exitCode = await bench();
else if (values.only === 'engine') process.exitCode = await benchEngine();
else if (values.only === 'soak') process.exitCode = await benchSoak();
else {
  say(`There is no "${values.only}" to measure. There are: gateway, engine, soak\n\n${USAGE}`);
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

async function bench(): Promise<number> {
  const settings = {
    connections: Number(values.connections ?? '128'),
    seconds: Number(values.seconds ?? '5'),
    rounds: Number(values.rounds ?? '3'),
    delayMs: Number(values.delay),
  };
  const scenarios = SCENARIOS.filter(({ name }) => values.scenarios.split(',').includes(name));
  const startedAt = new Date().toISOString();
  const mock = await startMock(settings.delayMs);
  const contenders: Contender[] = [];
  try {
    for (const name of values.contenders.split(',')) {
      const start = START[name];
      if (!start) throw new Error(`There is no contender "${name}". There are: ${Object.keys(START).join(', ')}`);
      say(`Starting ${name} …`);
      contenders.push(await start(mock));
    }
    const rows: Row[] = [];
    const unmeasured: string[] = [];
    for (const scenario of scenarios)
      rows.push(...(await runScenario(scenario, contenders, { ...settings, unmeasured })));
    say('Checking the books …');
    const faults = await faultsOf(contenders);
    const machine = {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGibibytes: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    };
    const report: Report = { startedAt, machine, settings, rows, unmeasured, faults };
    say(`\n${toTable(rows)}\n\n${ratioTable(rows)}\n${unmeasured.join('\n')}\n`);
    const files = writeReport(report, values.out);
    say(`${files.json}\n${files.html}`);
    if (contenders.some(({ check }) => check))
      say(
        faults.length === 0
          ? 'The books equal the provider’s bill.'
          : `THE BOOKS DO NOT BALANCE:\n${faults.join('\n')}`,
      );
    return faults.length === 0 ? 0 : 1;
  } finally {
    for (const contender of contenders.toReversed()) await contender.stop();
    await mock.stop();
  }
}

type Round = Measurement & LatencyMeasurement;

async function runScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  { rounds, unmeasured, ...load }: { connections: number; seconds: number; rounds: number; unmeasured: string[] },
): Promise<Row[]> {
  const results = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contender, measured] of results) {
      try {
        const result = await runOnce(contender, scenario, load);
        measured.push(result);
        say(
          `${scenario.name}, round ${round} of ${rounds}, ${contender.name}: ${result.requestsPerSecond.toFixed(0)} requests per second`,
        );
      } catch (error) {
        // A peer that cannot do the scenario is left out and said so; for this server it is the end.
        if (contender.check) throw error;
        unmeasured.push(`${scenario.name}: ${(error as Error).message}`);
        results.delete(contender);
        say(unmeasured.at(-1)!);
      }
    }
  }
  return [...results].map(([contender, measured]) => summarise(scenario.name, contender.name, measured));
}

async function runOnce(
  contender: Contender,
  scenario: Scenario,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Round> {
  const throughput = await measure(contender, { body: scenario.body, connections, seconds });
  const latency = await measureLatency(contender, scenario.body, Math.max(1, seconds / 2));
  return { ...throughput, ...latency };
}

async function faultsOf(contenders: readonly Contender[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { check } of contenders) if (check) faults.push(...(await check()));
  return faults;
}
