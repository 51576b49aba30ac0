import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { assertIfMatch } from '../../common/http/etag.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import type { GenerationMode } from '../domain/generation-modes.js';
import { GenerationPromptNotFoundError } from '../generation.errors.js';
import { etagOfMode } from './generation-prompt.dto.js';
import { GenerationPrompt } from './generation-prompt.entity.js';

type Cause = AuditCause & { ifMatch: string };

/** The prompts of the modes. A version is never changed, and runs name the one that they took. */
@Injectable()
export class GenerationPromptService {
  constructor(
    private readonly em: EntityManager,
    private readonly audit: AuditTrail,
  ) {}

  /** Of one mode or of all, newest first. */
  list(mode?: GenerationMode): Promise<GenerationPrompt[]> {
    return versionsOf(this.em.fork(), mode);
  }

  /** What a run of the mode takes now. */
  async activeOf(mode: GenerationMode): Promise<GenerationPrompt> {
    const prompt = await this.em.fork().findOne(GenerationPrompt, { mode, isActive: true });
    if (!prompt) throw new Error(`the mode ${mode} has no prompt: run the seed`);
    return prompt;
  }

  /** @throws GenerationPromptNotFoundError */
  async read(mode: GenerationMode, version: number): Promise<GenerationPrompt> {
    const prompt = await this.em.fork().findOne(GenerationPrompt, { mode, version });
    if (!prompt) throw new GenerationPromptNotFoundError();
    return prompt;
  }

  /** The next version, which runs take from now on. @throws IfMatchRequiredError, StaleEtagError */
  add(mode: GenerationMode, prompt: string, cause: Cause, now: Date): Promise<GenerationPrompt[]> {
    return this.change(mode, cause, now, async (em, versions) => {
      const version = (versions[0]?.version ?? 0) + 1;
      await em.insert(GenerationPrompt, { mode, version, prompt, isActive: false, createdAt: now });
      return version;
    });
  }

  /** Runs take an earlier version again. @throws GenerationPromptNotFoundError, IfMatchRequiredError, StaleEtagError */
  activate(mode: GenerationMode, version: number, cause: Cause, now: Date): Promise<GenerationPrompt[]> {
    return this.change(mode, cause, now, (_em, versions) => {
      if (!versions.some((one) => one.version === version)) throw new GenerationPromptNotFoundError();
      return Promise.resolve(version);
    });
  }

  /** Makes the version that `choose` answers the active one. What is in a prompt is not copied into the audit trail. */
  private async change(
    mode: GenerationMode,
    cause: Cause,
    now: Date,
    choose: (em: EntityManager, versions: readonly GenerationPrompt[]) => Promise<number>,
  ): Promise<GenerationPrompt[]> {
    return this.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`generation-prompts:${mode}`]);
      const versions = await versionsOf(em, mode);
      assertIfMatch(cause.ifMatch, etagOfMode(versions));
      const before = versions.find(({ isActive }) => isActive);
      const version = await choose(em, versions);
      await em.nativeUpdate(GenerationPrompt, { mode, isActive: true }, { isActive: false });
      await em.nativeUpdate(GenerationPrompt, { mode, version }, { isActive: true });
      const change = {
        action: 'generation_prompt.activate',
        entity: 'generation_prompt',
        entityId: mode,
        before: before ? { version: before.version } : null,
        after: { version },
      };
      await this.audit.record(change, cause, now);
      em.clear();
      return versionsOf(em, mode);
    });
  }
}

function versionsOf(em: EntityManager, mode?: GenerationMode): Promise<GenerationPrompt[]> {
  return em.find(GenerationPrompt, mode ? { mode } : {}, { orderBy: { mode: 'asc', version: 'desc' } });
}
