import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobRegistry } from '../../jobs/job-registry.js';
import { KeyRotation } from './key-rotation.service.js';

/** Takes the steps of a rotation when they are due. */
@Injectable()
export class KeyRotationJob implements OnModuleInit {
  constructor(
    private readonly rotation: KeyRotation,
    private readonly jobs: JobRegistry,
  ) {}

  onModuleInit(): void {
    // Sign-ins are on real time, so the job's own time, which a sandbox may have moved, is not used.
    this.jobs.register({
      name: 'rotate-signing-keys',
      cron: '*/5 * * * *',
      run: async () => ({ ...(await this.rotation.advance()) }),
    });
  }
}
