import { AppError } from './common/errors/app-error.js';
import { OperatorError } from './common/errors/operator-error.js';
import { sqlStateOf } from './database/database-errors.js';

const EXPLAINED_STATES: Record<string, string> = {
  '28P01': 'PostgreSQL refused the user or password in DATABASE_URL.',
  '28000': 'PostgreSQL refused the user in DATABASE_URL.',
  '53300':
    'PostgreSQL has no connection left for this process. Raise its max_connections, or lower DATABASE_POOL_SIZE.',
  '57P03': 'PostgreSQL is starting or stopping. Try again in a moment.',
  '3D000': 'The database named in DATABASE_URL does not exist. Create it first: createdb <name>',
};

/** What the driver says without a code. */
const EXPLAINED_MESSAGES: readonly [pattern: RegExp, explanation: string][] = [
  [
    /^timeout exceeded when trying to connect|^timeout expired|^Connection terminated due to connection timeout/,
    'Nothing answers at DATABASE_URL in time. Check host and port, and what lies between; DATABASE_POOL_TIMEOUT says how long is waited.',
  ],
  [
    /^(?:Connection terminated|read ECONNRESET)/,
    'The connection to DATABASE_URL was closed by the other side. Is there a PostgreSQL at this host and port, and is it running?',
  ],
  [
    /^The server does not support SSL connections/,
    'The PostgreSQL at DATABASE_URL takes no TLS. Switch TLS on there, or leave sslmode out of the URL.',
  ],
  [/client password must be a/, 'PostgreSQL asks for a password, and DATABASE_URL has none.'],
];

/** What OpenSSL thinks of the certificate. */
const CERTIFICATE_CODE =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_\w+)$/;

/** Why a start or command failed, as one sentence with the way out; the stack only with `DEBUG=1`, where nothing better is known. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = explainKnown(error);
  if (known) return known;
  return process.env['DEBUG']
    ? (error.stack ?? error.message)
    : `${error.message}\n(DEBUG=1 shows where this happened.)`;
}

function explainKnown(error: Error): string | undefined {
  if (error instanceof OperatorError || error instanceof AppError) return error.message;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken by another process. Stop it, or choose another: PORT=3001 npm start`;
  if (code === 'EACCES' && port)
    return `This user may not listen on port ${port}. Choose one above 1023: PORT=3000 npm start`;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `No PostgreSQL answers at DATABASE_URL (${code}${placeOf(error)}). Check host and port, or unset it to use the embedded database.`;
  if (code && CERTIFICATE_CODE.test(code))
    return `The certificate of the PostgreSQL at DATABASE_URL is not trusted (${code}). Name its authority in NODE_EXTRA_CA_CERTS; sslmode=require encrypts without looking at it.`;
  return (
    EXPLAINED_STATES[sqlStateOf(error) ?? ''] ??
    EXPLAINED_MESSAGES.find(([pattern]) => pattern.test(error.message))?.[1]
  );
}

/** Which of the addresses it was: there may be DATABASE_DIRECT_URL beside DATABASE_URL. */
function placeOf(error: Error): string {
  const [first = error] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  const { address, hostname, port } = first as Error & { address?: string; hostname?: string; port?: number };
  const host = address ?? hostname;
  return host === undefined ? '' : `, ${host}${port === undefined ? '' : ` port ${port}`}`;
}
