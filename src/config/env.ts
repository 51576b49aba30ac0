import { z } from 'zod';
import { parseMoney } from '../common/domain/money.js';
import { OperatorError } from '../common/errors/operator-error.js';
import { misspeltFaults } from './misspelt-variables.js';
import { endpointFaults, PROVIDER_VARIABLES } from './provider-endpoints.js';
import { upstreamFaults } from './upstream-issuers.js';

const flag = z
  .enum(['0', '1', 'true', 'false', 'on', 'off'], { error: 'must be one of 1, 0, true, false, on, off' })
  .transform((value) => value === '1' || value === 'true' || value === 'on');

const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number({ error: `must be a whole number from ${min} to ${max}` })
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

const urlWith = (protocols: string[], example: string) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL such as ${example}`,
  });

const databaseUrl = urlWith(['postgres:', 'postgresql:'], 'postgresql://user:password@host:5432/tollgate').refine(
  (value) => !/^postgres(ql)?:/.test(value) || !URL.canParse(value) || namesDatabase(new URL(value)),
  {
    error:
      'must name a database, as in postgresql://user:password@host:5432/tollgate, and write %25 where a name or password has a %',
  },
);

function namesDatabase({ username, password, pathname }: URL): boolean {
  try {
    return [username, password, pathname].map(decodeURIComponent).at(-1)!.length > 1;
  } catch {
    return false; // a % that begins no escape
  }
}

const publicUrl = urlWith(['http:', 'https:'], 'https://llm.example.com').refine(
  (value) =>
    !URL.canParse(value) || (new URL(value).pathname === '/' && !new URL(value).search && !new URL(value).hash),
  { error: 'must have no path, query or fragment: it is the issuer of every token' },
);

const encryptionKey = z
  .string()
  .refine((value) => Buffer.from(value, 'base64').length === 32, {
    error: 'must be 32 bytes in base64: openssl rand -base64 32',
  })
  .transform((value) => Buffer.from(value, 'base64'));

const cookieKeys = z
  .string()
  .transform((value) => value.split(',').map((key) => key.trim()))
  .refine((keys) => keys.every((key) => key.length >= 32), {
    error: 'must be a comma-separated list of secrets of at least 32 characters: openssl rand -base64 32',
  });

const hostNames = z
  .string()
  .transform((value) => value.split(',').map((host) => host.trim().toLowerCase()))
  .refine((hosts) => hosts.every((host) => /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host)), {
    error: 'must be a comma-separated list of host names such as images.example.com',
  });

const headerList = z.string().transform((value, context) => {
  const pairs = value.split(',').map((pair) => /^\s*([\w-]+)=(.+?)\s*$/.exec(pair));
  if (pairs.every((pair) => pair !== null)) return Object.fromEntries(pairs.map(([, name, text]) => [name, text]));
  context.addIssue({ code: 'custom', message: 'must be a comma-separated list such as name=value,other=value' });
  return z.NEVER;
});

const usdAmount = z.string().transform((value, context) => {
  try {
    return parseMoney(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** Every variable the server reads, with what is allowed. `.env.example` lists the same names; a test compares the two. */
export const Environment = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'], { error: 'must be development, test or production' })
    .default('development'),
  PORT: wholeNumber(0, 65_535).default(3000),
  PUBLIC_URL: publicUrl.optional(),
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_DIRECT_URL: databaseUrl.optional(),
  DATABASE_POOL_SIZE: wholeNumber(2, 500).default(20),
  DATABASE_POOL_TIMEOUT: wholeNumber(100, 120_000).default(10_000),
  BATCH_MEMBERS_MAX: wholeNumber(1, 1_000).default(256),
  BATCH_QUEUE_MAX: wholeNumber(1, 100_000).default(1_024),
  DATA_DIR: z.string().min(1, 'must name a folder').optional(),
  SANDBOX: flag.optional(),
  JOBS: flag.default(true),
  REGION: z
    .string()
    .regex(/^[\w.-]{1,60}$/, 'must be at most 60 letters, digits, dots, dashes and underscores')
    .default('local'),
  REFRESH_GRACE_SECONDS: wholeNumber(0, 30).default(0),
  USER_MFA: z.enum(['required', 'optional'], { error: 'must be required or optional' }).default('optional'),
  ADMIN_MFA: z.enum(['required', 'optional'], { error: 'must be required or optional' }).optional(),
  SMTP_URL: urlWith(['smtp:', 'smtps:'], 'smtps://user:password@mail.example.com').optional(),
  MAIL_FROM: z.email('must be an address such as no-reply@example.com').optional(),
  RESET_LINK_MINUTES: wholeNumber(1, 60).default(10),
  DELETION_GRACE_DAYS: wholeNumber(0, 365).default(30),
  RETENTION_AUTH_EVENTS_DAYS: wholeNumber(366, 36_600).default(366),
  RETENTION_MAIL_DAYS: wholeNumber(1, 3_650).default(30),
  METRICS_TOKEN: z.string().min(32, 'must have at least 32 characters: openssl rand -base64 32').optional(),
  KEY_ENCRYPTION_KEY: encryptionKey.optional(),
  COOKIE_KEYS: cookieKeys.optional(),
  OUTPUT_TOKENS_DEFAULT: wholeNumber(1, 1_000_000).default(4_096),
  ANALYSES_QUEUED_MAX: wholeNumber(1, 1_000_000).default(500),
  PROVIDER_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(120_000),
  CREDIT_PRICE_USD: usdAmount.optional(),
  RETENTION_DIAGNOSTICS_DAYS: wholeNumber(1, 3_650).default(30),
  RETENTION_FAILED_GENERATIONS_DAYS: wholeNumber(1, 3_650).default(30),
  RETENTION_GENERATIONS_DAYS: wholeNumber(1, 36_600).default(365),
  RETENTION_ERRORS_DAYS: wholeNumber(1, 3_650).default(30),
  IMAGE_FETCH_HOSTS: hostNames.optional(),
  WEBHOOK_PRIVATE_HOSTS: hostNames.optional(),
  RETENTION_WEBHOOK_DELIVERIES_DAYS: wholeNumber(1, 36_600).default(30),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      error: 'must be trace, debug, info, warn, error or silent',
    })
    .default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: urlWith(['http:', 'https:'], 'http://localhost:4318').optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headerList.optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'must be a number from 0 to 1' })
    .min(0, 'must be at least 0')
    .max(1, 'must be at most 1')
    .default(1),
  SYSTEM_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'off'], { error: 'must be debug, info, warn, error or off' })
    .default('info'),
  RETENTION_SYSTEM_LOGS_DAYS: wholeNumber(1, 3_650).default(30),
  RETENTION_PERFORMANCE_DAYS: wholeNumber(1, 3_650).default(30),
  RETENTION_API_USAGE_DAYS: wholeNumber(1, 36_600).default(395),
  // A quarter at least: nothing that is written goes further back than minutes.
  ARCHIVE_AFTER_MONTHS: wholeNumber(3, 1_200).optional(),
});
export type Environment = z.infer<typeof Environment>;

/** The environment cannot be used; the message lists every fault with its variable. */
export class InvalidEnvironmentError extends OperatorError {
  constructor(readonly faults: string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}\nEvery variable is described in .env.example.`,
    );
  }
}

/** Without what a file of secrets or a shell has put around a value: a token with the end of its line is one that nobody can send. */
export function withoutSpaceAround(source: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(source).map(([name, value]) => [name, value?.trim()]));
}

/**
 * Reads the environment. An empty variable counts as unset, as in `PORT= npm start`.
 * @throws InvalidEnvironmentError naming every faulty variable, its rule and, in production, every missing secret.
 */
export function readEnvironment(source: Record<string, string | undefined>): Environment {
  const known = Object.keys(Environment.shape);
  const given = Object.fromEntries(known.filter((name) => source[name]).map((name) => [name, source[name]]));
  const parsed = Environment.safeParse(given);
  const faults = [
    ...(parsed.success
      ? productionFaults(parsed.data)
      : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)),
    ...upstreamFaults(source),
    ...endpointFaults(source),
    ...misspeltFaults(source, [...known, ...PROVIDER_VARIABLES]),
  ];
  if (faults.length > 0 || !parsed.success) throw new InvalidEnvironmentError(faults);
  return parsed.data;
}

function productionFaults(env: Environment): string[] {
  if (env.NODE_ENV !== 'production') return [];
  const needed = {
    PUBLIC_URL: 'is required in production: the address that clients use, e.g. https://llm.example.com',
    KEY_ENCRYPTION_KEY: 'is required in production: 32 bytes in base64, openssl rand -base64 32',
    COOKIE_KEYS: 'is required in production: a comma-separated list of secrets, the first signs',
  } as const;
  return Object.entries(needed)
    .filter(([name]) => env[name as keyof typeof needed] === undefined)
    .map(([name, rule]) => `${name}: ${rule}`);
}
