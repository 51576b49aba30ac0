import { type Catalogue, planFaults, type PlanNode, type PlanRule, scansOf } from './plan-checks.js';
import { plansIn } from './plan-log.js';

const CATALOGUE: Catalogue = {
  parents: new Map([
    ['ledger_2026_10', 'ledger'],
    ['ledger_2026_11', 'ledger'],
    ['ledger_2026_12', 'ledger'],
    ['ledger_default', 'ledger'],
  ]),
  parentIndexes: new Map([['ledger_2026_11_model_id_idx', 'ledger_model_id_index']]),
  rowCounts: new Map([
    ['ledger_2026_11', 800_000],
    ['ledger_default', 0],
    ['users', 100_000],
    ['plans', 4],
  ]),
};
const RULE: PlanRule = {
  hotTables: ['ledger', 'users', 'plans'],
  indexes: ['ledger_model_id_index', 'ledger_tx_id_index'],
  range: { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-30T12:00:00Z') },
};

const scan = (type: string, table: string, more: Partial<PlanNode> = {}): PlanNode => ({
  'Node Type': type,
  'Relation Name': table,
  'Actual Loops': 1,
  'Actual Rows': 10,
  ...more,
});
const byModel = scan('Index Scan', 'ledger_2026_11', { 'Index Name': 'ledger_2026_11_model_id_idx' });
const append = (...plans: PlanNode[]): PlanNode => ({ 'Node Type': 'Append', 'Actual Loops': 1, Plans: plans });

describe('a plan against its rule', () => {
  it('keeps it with the index of a partition, and small or cold tables read whole', () => {
    const plan = append(
      byModel,
      scan('Seq Scan', 'plans'),
      scan('Seq Scan', 'models'),
      scan('Seq Scan', 'ledger_default'),
    );
    expect(planFaults([plan], RULE, CATALOGUE)).toEqual([]);
  });

  it('breaks it by reading a hot table whole, also beside the index', () => {
    const plan = append(byModel, append(scan('Seq Scan', 'users')), scan('Seq Scan', 'ledger_2026_11'));
    expect(planFaults([plan], RULE, CATALOGUE)).toEqual(['reads ledger_2026_11 whole', 'reads users whole']);
  });

  it('breaks it by another index or none', () => {
    const other = scan('Index Only Scan', 'ledger_2026_11', { 'Index Name': 'ledger_2026_11_pkey' });
    expect(planFaults([other], RULE, CATALOGUE)).toEqual([
      'does not use ledger_model_id_index or ledger_tx_id_index but ledger_2026_11_pkey',
    ]);
    expect(planFaults([other], { ...RULE, indexes: [] }, CATALOGUE)).toEqual([]);
    expect(planFaults([], RULE, CATALOGUE)).toEqual([
      'does not use ledger_model_id_index or ledger_tx_id_index but no index',
    ]);
  });

  it('breaks it in a month outside of the time asked for, unless that was never run', () => {
    const [october, december] = ['ledger_2026_10', 'ledger_2026_12'].map((table) =>
      scan('Index Scan', table, { 'Index Name': `${table}_pkey` }),
    ) as [PlanNode, PlanNode];
    expect(planFaults([append(byModel, october, december)], RULE, CATALOGUE)).toEqual([
      'reads ledger_2026_10, which is not of the time asked for',
      'reads ledger_2026_12, which is not of the time asked for',
    ]);
    const never = { ...october, 'Actual Loops': 0 };
    const longer = { from: new Date('2026-10-31T23:59:59Z'), to: new Date('2026-12-01T00:00:01Z') };
    for (const [plan, rule] of [
      [never, RULE],
      [append(october, december), { ...RULE, range: longer }],
      [append(october, december), { ...RULE, range: null }],
    ] as const)
      expect(planFaults([append(byModel, plan)], rule, CATALOGUE)).toEqual([]);
  });
});

describe('what a plan has read', () => {
  it('counts what a filter threw away, of every loop', () => {
    const node = { ...byModel, 'Actual Loops': 3, 'Rows Removed by Filter': 5 };
    expect(scansOf(append(node))).toEqual([
      { table: 'ledger_2026_11', indexes: ['ledger_2026_11_model_id_idx'], rows: 45 },
    ]);
  });

  it('finds the indexes of a bitmap in the steps below it, and not those of another table', () => {
    const bitmap = (index: string): PlanNode => ({ 'Node Type': 'Bitmap Index Scan', 'Index Name': index });
    const both: PlanNode = { 'Node Type': 'BitmapAnd', Plans: [bitmap('one'), bitmap('two')] };
    const node = scan('Bitmap Heap Scan', 'users', { Plans: [both, append(byModel)] });
    expect(scansOf(node).map(({ indexes }) => indexes)).toEqual([['one', 'two'], ['ledger_2026_11_model_id_idx']]);
  });
});

it('finds the plans in a log among other lines', () => {
  const log = [
    '2026-11-30 06:00:00.000 UTC [1] LOG:  checkpoint starting: time',
    '2026-11-30 06:00:00.000 UTC [7] LOG:  duration: 0.100 ms  plan:',
    '\t{',
    '\t  "Query Text": "select\\n 1",',
    '\t  "Plan": { "Node Type": "Result" }',
    '\t}',
    '2026-11-30 06:00:00.000 UTC [7] ERROR:  division by zero',
    '\tat a line that is no plan',
    '',
  ].join('\n');
  expect(plansIn(log)).toEqual([{ statement: 'select\n 1', plan: { 'Node Type': 'Result' } }]);
});
