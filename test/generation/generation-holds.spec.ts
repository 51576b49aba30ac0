import { GenerationHolds } from '../../src/generation/runs/generation-holds.service.js';
import type { RunRequest } from '../../src/generation/runs/generation-intake.service.js';
import type { PlannedRun } from '../../src/generation/runs/generation-planner.service.js';
import type { UnattendedAdmission } from '../../src/inference/unattended-admission.service.js';
import type { MeteringService } from '../../src/usage/metering.service.js';
import { RecordingMetering, REQUEST_ID } from '../inference/fakes.js';

const REQUEST = { requestId: REQUEST_ID, principal: { userId: 'u', accessId: 'a' } } as unknown as RunRequest;
const bound = {
  chat: { tier: 'pro', model: { id: 'm', versionNo: 1 } },
  plan: { amountUcr: 5n, inputTokens: 2, outputTokens: 3 },
};
const PLANNED = { bounds: [bound, bound] } as unknown as PlannedRun;

describe('the hold of a run', () => {
  const metering = new RecordingMetering();
  const holds = new GenerationHolds({} as UnattendedAdmission, metering as unknown as MeteringService);

  // Removed once: `giveBack` in `GenerationHolds.reserve`; nothing was voided.
  it('is given back where the connection broke before anyone knew whether it was taken', async () => {
    metering.reserveFailures = [new Error('Connection terminated unexpectedly')];
    await expect(holds.open(REQUEST, PLANNED)).rejects.toThrow('Connection terminated');
    expect(metering.voided).toEqual(['outcome unknown']);
  });

  it('is left alone where it certainly was not taken', async () => {
    metering.voided = [];
    metering.reserveFailures = [new Error('timeout exceeded when trying to connect')];
    await expect(holds.open(REQUEST, PLANNED)).rejects.toThrow('timeout exceeded');
    expect(metering.voided).toEqual([]);
    await holds.open(REQUEST, PLANNED);
    expect(metering.reserved).toMatchObject([{ requestId: REQUEST_ID, amountUcr: 10n, boundTokens: 10 }]);
  });
});
