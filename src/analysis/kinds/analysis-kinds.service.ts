import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { AnalysisKindNotFoundError } from '../analysis.errors.js';
import { FallbackRules } from '../domain/fallback-rules.js';
import { etagOfKind, type KindRequest, toKindView } from './analysis-kind.dto.js';
import { AnalysisKind } from './analysis-kind.entity.js';
import { schemaFault } from './result-schema.js';

const VERSIONS_KEPT_MAX = 200;

/** What can be asked about a text: prompts, forms of results and rules of fallback, all data, each change a new version. */
@Injectable()
export class AnalysisKinds {
  private readonly versions = new LRUCache<string, AnalysisKind>({ max: VERSIONS_KEPT_MAX });

  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
    private readonly audit: AuditTrail,
  ) {}

  /** The latest version of every kind, those that are switched off included. */
  async list(): Promise<AnalysisKind[]> {
    const em = this.em.fork();
    const rows = await em.execute('select distinct on (kind) * from analysis_kinds order by kind, version desc');
    return rows.map((row: Record<string, unknown>) => em.map(AnalysisKind, row));
  }

  /** The version that new analyses are made by. @throws AnalysisKindNotFoundError naming those there are */
  async current(kind: string): Promise<AnalysisKind> {
    const offered = (await this.list()).filter(({ isActive }) => isActive);
    const found = offered.find((candidate) => candidate.kind === kind);
    if (!found)
      throw new AnalysisKindNotFoundError(
        kind,
        offered.map((candidate) => candidate.kind),
      );
    return found;
  }

  /** By which an analysis was made. Nothing of a version but `isActive` ever changes, so it is read once. */
  async version(kind: string, version: number): Promise<AnalysisKind> {
    const key = `${kind} ${version}`;
    const known = this.versions.get(key);
    if (known) return known;
    const read = await this.em.fork().findOneOrFail(AnalysisKind, { kind, version });
    this.versions.set(key, read);
    return read;
  }

  /** All versions, newest first. */
  history(kind: string): Promise<AnalysisKind[]> {
    return this.em.fork().find(AnalysisKind, { kind }, { orderBy: { version: 'desc' } });
  }

  /**
   * Adds a version, or a kind that was not there. Analyses that wait are made by the version they were asked for.
   * @throws InvalidRequestError, and where the kind is there IfMatchRequiredError, StaleEtagError
   */
  async save(
    kind: string,
    asked: KindRequest,
    cause: AuditCause & { ifMatch: string },
    now: Date,
  ): Promise<AnalysisKind> {
    const fallback = this.checked(asked);
    return this.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(hashtext(?))', [`analysis_kinds ${kind}`]);
      const [last] = await em.find(AnalysisKind, { kind }, { orderBy: { version: 'desc' }, limit: 1 });
      if (last) assertIfMatch(cause.ifMatch, etagOfKind(last));
      const { prompt, outputSchema, modelId, isActive, cacheSeconds, batchSize } = asked;
      const version = (last?.version ?? 0) + 1;
      const made = em.create(AnalysisKind, {
        kind,
        version,
        prompt,
        outputSchema,
        modelId,
        fallback,
        isActive: isActive ?? true,
        cacheSeconds: cacheSeconds ?? 0,
        batchSize: batchSize ?? 1,
        createdAt: now,
      });
      await em.persist(made).flush();
      // Prompts do not reach the audit trail: the version names them.
      const { prompt: _, ...after } = toKindView(made);
      const change = { action: 'analysis_kind.save', entity: 'analysis_kind', entityId: kind };
      await this.audit.record({ ...change, before: last ? { version: last.version } : null, after }, cause, now);
      return made;
    });
  }

  private checked({ outputSchema, modelId, fallback }: KindRequest): FallbackRules {
    const rules = FallbackRules.safeParse(fallback);
    const schema = schemaFault(outputSchema);
    const faults = [
      ...(schema ? [{ field: 'outputSchema', message: schema }] : []),
      ...(this.catalogue.find(modelId)?.id === modelId
        ? []
        : [{ field: 'modelId', message: 'must be the id of a model' }]),
      ...(rules.error?.issues ?? []).map(({ path, message }) => ({ field: ['fallback', ...path].join('.'), message })),
    ];
    if (faults.length > 0 || !rules.success) throw InvalidRequestError.of(faults);
    return rules.data;
  }
}
