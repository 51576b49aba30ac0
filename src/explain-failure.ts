import { AppError } from './common/errors/app-error.js';
import { OperatorError } from './common/errors/operator-error.js';
import { sqlStateOf } from './database/database-errors.js';

const EXPLAINED_STATES: Record<string, string> = {
  '28P01': 'PostgreSQL refused the user or password in DATABASE_URL.',
  '28000': 'PostgreSQL refused the user in DATABASE_URL.',
  '3D000': 'The database named in DATABASE_URL does not exist. Create it first: createdb <name>',
};

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
    return `No PostgreSQL answers at DATABASE_URL (${code}). Check host and port, or unset it to use the embedded database.`;
  return EXPLAINED_STATES[sqlStateOf(error) ?? ''];
}
