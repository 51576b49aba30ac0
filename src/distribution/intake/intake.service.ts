import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Config } from '../../config/config.js';
import { Diagnostics } from '../diagnostics.entity.js';
import { redact } from '../domain/redaction.js';
import { Feedback } from '../feedback.entity.js';
import type { DiagnosticsReceiptView, DiagnosticsUpload, FeedbackRequest } from './intake.dto.js';

const DAY_MS = 86_400_000;

/** Takes what the app sends: what people write to us, and what it reports of its failures. */
@Injectable()
export class IntakeService {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
  ) {}

  /** The id of what was kept. */
  async addFeedback(feedback: FeedbackRequest, userId: string | null, now: Date): Promise<string> {
    const { category, message, appVersion, platform, contactEmail } = feedback;
    const id = newId();
    await this.em.fork().insert(Feedback, {
      id,
      userId,
      category,
      message,
      appVersion: appVersion ?? null,
      platform: platform ?? null,
      contactEmail: contactEmail ?? null,
      createdAt: now,
      updatedAt: now,
    });
    return id;
  }

  /** Keeps a report without its secrets: they are taken out before anything of it is stored. */
  async addDiagnostics(report: DiagnosticsUpload, userId: string | null, now: Date): Promise<DiagnosticsReceiptView> {
    const payload = redact(report.payload) as object;
    const sizeBytes = Buffer.byteLength(JSON.stringify(payload));
    const id = newId();
    await this.em.fork().insert(Diagnostics, {
      id,
      userId,
      kind: report.kind,
      appVersion: report.appVersion ?? null,
      platform: report.platform ?? null,
      payload,
      sizeBytes,
      createdAt: now,
    });
    const keptUntil = new Date(now.getTime() + this.config.retentionDiagnosticsDays * DAY_MS);
    return { id, sizeBytes, keptUntil: keptUntil.toISOString() };
  }
}
