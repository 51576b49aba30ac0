import { ApiProperty } from '@nestjs/swagger';
import type { ReconciliationReport } from './reconciliation.service.js';

export class OffenderView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  userId!: string | null;

  @ApiProperty({ description: 'The row that breaks the invariant' })
  subject!: string;

  @ApiProperty({ description: 'The figures that do not agree' })
  detail!: string;
}

export class ReconciliationCheckView {
  @ApiProperty({ example: 'grant_equals_postings' })
  name!: string;

  @ApiProperty({ description: 'Its number in the list of invariants' })
  invariant!: number;

  @ApiProperty({ type: [OffenderView], description: 'At most 100' })
  offenders!: OffenderView[];
}

export class ReconciliationView {
  @ApiProperty({ description: 'Whether every invariant holds' })
  balanced!: boolean;

  @ApiProperty({ format: 'date-time' })
  checkedAt!: string;

  @ApiProperty({ type: [ReconciliationCheckView] })
  checks!: ReconciliationCheckView[];
}

export function toReconciliationView(report: ReconciliationReport): ReconciliationView {
  return {
    balanced: report.isBalanced,
    checkedAt: report.checkedAt.toISOString(),
    checks: report.checks.map(({ name, invariant, offenders }) => ({ name, invariant, offenders })),
  };
}
