import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Environment, readEnvironment, withoutSpaceAround } from './env.js';
import { type ProviderEndpoint, readProviderEndpoints } from './provider-endpoints.js';
import { loadLocalSecrets } from './local-secrets.js';
import { readUpstreamIssuers, type UpstreamIssuer } from './upstream-issuers.js';

/** Where spans go, as OpenTelemetry's variables say. */
export interface TracesTarget {
  url: string;
  /** What the collector asks for; may be a secret. */
  headers: Record<string, string>;
  /** Of the traces that begin here, the share that is kept. */
  sampledShare: number;
}

/**
 * The configuration, typed and complete. Injected by class; nothing else reads `process.env`.
 * Sizes are bytes, durations are in the unit of their name.
 */
export class Config {
  readonly nodeEnv: 'development' | 'test' | 'production';
  readonly isProduction: boolean;
  readonly port: number;
  /** Issuer, audience and the base of every link; no trailing slash. */
  readonly publicUrl: string;
  /** The operator's server, or once it runs the embedded one. Undefined before that. */
  readonly databaseUrl: string | undefined;
  readonly databaseDirectUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly databasePoolTimeoutMs: number;
  /** Holds that one batch takes or ends at most. */
  readonly batchMembersMax: number;
  /** Requests that may wait for a batch. */
  readonly batchQueueMax: number;
  /** Absolute path; holds the embedded database and local secrets. */
  readonly dataDir: string;
  /** Whether the operator chose `dataDir`, so that it may not be moved. */
  readonly isDataDirChosen: boolean;
  readonly sandbox: boolean;
  /** Whether this process runs scheduled jobs; one process of an installation has to. */
  readonly runsJobs: boolean;
  readonly refreshGraceSeconds: number;
  readonly adminMfa: 'required' | 'optional';
  readonly userMfa: 'required' | 'optional';
  /** The server that takes our mails; without it they are shown in the terminal, outside production. */
  readonly smtpUrl: string | undefined;
  /** The sender of every mail. */
  readonly mailFrom: string;
  /** How long the record of sign-ins and credentials is kept: a year at least, for which the table refuses deletion. */
  readonly retentionAuthEventsDays: number;
  readonly retentionMailDays: number;
  /** How long a deleted account can be brought back. */
  readonly deletionGraceDays: number;
  /** How long the link in a mail works that chooses a new password. */
  readonly resetLinkMs: number;
  /** What a scraper of /metrics sends; without it only this machine may. */
  readonly metricsToken: string | undefined;
  /** 32 bytes: seals signing keys and provider credentials. */
  readonly keyEncryptionKey: Buffer;
  /** The first signs, all verify. */
  readonly cookieKeys: string[];
  readonly outputTokensDefault: number;
  /** Where this process runs, as reports name it. */
  readonly region: string;
  /** Analyses of one user that may wait. */
  readonly analysesQueuedMax: number;
  readonly providerTimeoutMs: number;
  /** What one credit is sold for, in nano-USD: makes margins of credits. Null where nobody says. */
  readonly creditPriceNusd: bigint | null;
  /** How long reports of the desktop app are kept. */
  readonly retentionDiagnosticsDays: number;
  /** When runs that failed are deleted, and when the others are moved to the archive. */
  readonly retentionFailedGenerationsDays: number;
  readonly retentionGenerationsDays: number;
  /** How long failures of providers stay counted and logged. */
  readonly retentionErrorsDays: number;
  /** Where remote images may be looked at for their size; no other host is asked. */
  readonly imageFetchHosts: ReadonlySet<string>;
  /** Hosts of private networks that webhooks may be sent to, also without TLS. */
  readonly webhookPrivateHosts: ReadonlySet<string>;
  /** Days that finished deliveries of webhooks are kept. */
  readonly webhookDeliveriesDays: number;
  readonly logLevel: string;
  /** Null where nobody collects traces. */
  readonly traces: TracesTarget | null;
  /** From which level on lines of the log are stored, too. */
  readonly systemLogLevel: 'debug' | 'info' | 'warn' | 'error' | 'off';
  /** Days that stored lines of the log, samples of processes and counts of requests are kept. */
  readonly monitoringDays: { systemLogs: number; performance: number; apiUsage: number };
  /** Full months after which a month of ledger, postings and audit trail is archived; null: never. */
  readonly archiveAfterMonths: number | null;
  /** By `models.provider`. Their keys never leave the process but to their provider. */
  readonly providers: ReadonlyMap<string, ProviderEndpoint>;
  /** By name: where people may sign in instead of here. */
  readonly upstreamIssuers: ReadonlyMap<string, UpstreamIssuer>;

  private constructor(source: Record<string, string | undefined>) {
    const env = readEnvironment(source);
    this.nodeEnv = env.NODE_ENV;
    this.isProduction = env.NODE_ENV === 'production';
    this.port = env.PORT;
    this.publicUrl = new URL(env.PUBLIC_URL ?? `http://localhost:${env.PORT}`).origin;
    this.databaseUrl = env.DATABASE_URL;
    this.databaseDirectUrl = env.DATABASE_DIRECT_URL;
    this.databasePoolSize = env.DATABASE_POOL_SIZE;
    this.databasePoolTimeoutMs = env.DATABASE_POOL_TIMEOUT;
    this.batchMembersMax = env.BATCH_MEMBERS_MAX;
    this.batchQueueMax = env.BATCH_QUEUE_MAX;
    this.dataDir = resolve(env.DATA_DIR ?? '.data');
    this.isDataDirChosen = env.DATA_DIR !== undefined;
    this.sandbox = env.SANDBOX ?? !this.isProduction;
    this.runsJobs = env.JOBS;
    this.refreshGraceSeconds = env.REFRESH_GRACE_SECONDS;
    this.userMfa = env.USER_MFA;
    this.adminMfa = env.ADMIN_MFA ?? (this.isProduction ? 'required' : 'optional');
    this.smtpUrl = env.SMTP_URL;
    this.mailFrom = env.MAIL_FROM ?? `no-reply@${new URL(this.publicUrl).hostname}`;
    this.resetLinkMs = env.RESET_LINK_MINUTES * 60_000;
    this.deletionGraceDays = env.DELETION_GRACE_DAYS;
    this.retentionAuthEventsDays = env.RETENTION_AUTH_EVENTS_DAYS;
    this.retentionMailDays = env.RETENTION_MAIL_DAYS;
    this.metricsToken = env.METRICS_TOKEN;
    const local = env.KEY_ENCRYPTION_KEY && env.COOKIE_KEYS ? undefined : loadLocalSecrets(this.dataDir);
    this.keyEncryptionKey = env.KEY_ENCRYPTION_KEY ?? Buffer.from(local!.keyEncryptionKey, 'base64');
    this.cookieKeys = env.COOKIE_KEYS ?? local!.cookieKeys;
    this.outputTokensDefault = env.OUTPUT_TOKENS_DEFAULT;
    this.region = env.REGION;
    this.analysesQueuedMax = env.ANALYSES_QUEUED_MAX;
    this.providerTimeoutMs = env.PROVIDER_TIMEOUT_MS;
    this.creditPriceNusd = env.CREDIT_PRICE_USD ?? null;
    this.retentionDiagnosticsDays = env.RETENTION_DIAGNOSTICS_DAYS;
    this.retentionFailedGenerationsDays = env.RETENTION_FAILED_GENERATIONS_DAYS;
    this.retentionGenerationsDays = env.RETENTION_GENERATIONS_DAYS;
    this.retentionErrorsDays = env.RETENTION_ERRORS_DAYS;
    this.imageFetchHosts = new Set(env.IMAGE_FETCH_HOSTS);
    this.webhookPrivateHosts = new Set(env.WEBHOOK_PRIVATE_HOSTS);
    this.webhookDeliveriesDays = env.RETENTION_WEBHOOK_DELIVERIES_DAYS;
    this.logLevel = env.LOG_LEVEL;
    this.traces = tracesTarget(env);
    this.systemLogLevel = env.SYSTEM_LOG_LEVEL;
    this.monitoringDays = {
      systemLogs: env.RETENTION_SYSTEM_LOGS_DAYS,
      performance: env.RETENTION_PERFORMANCE_DAYS,
      apiUsage: env.RETENTION_API_USAGE_DAYS,
    };
    this.archiveAfterMonths = env.ARCHIVE_AFTER_MONTHS ?? null;
    this.providers = readProviderEndpoints(source);
    this.upstreamIssuers = readUpstreamIssuers(source);
  }

  /**
   * The configuration of this process: the environment, which wins over a `.env` file in the working directory.
   * @throws InvalidEnvironmentError listing every fault.
   */
  static load(source: Record<string, string | undefined> = environmentWithFile()): Config {
    return new Config(withoutSpaceAround(source));
  }

  /** The same configuration on the database server that was opened for it. */
  connectedTo(databaseUrl: string): Config {
    return Object.assign(Object.create(Config.prototype) as Config, this, { databaseUrl });
  }
}

function tracesTarget(env: Environment): TracesTarget | null {
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT) return null;
  return {
    url: `${env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '')}/v1/traces`,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    sampledShare: env.OTEL_TRACES_SAMPLER_ARG,
  };
}

function environmentWithFile(): NodeJS.ProcessEnv {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return process.env;
}
