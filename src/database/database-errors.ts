/** The five-character SQLSTATE of a database error, found through the ORM's wrappers; undefined for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Whether a value that nobody else may have is somebody else's by now. The transaction that it happened in can only be rolled back. */
export function isTaken(error: unknown): boolean {
  return sqlStateOf(error) === '23505';
}

/** PostgreSQL tells in it which row was refused, password hash and all; the ORM copies it into message and stack. */
const REFUSED_ROW = /\n - detail: [\s\S]*?(?=\n +at |$)/g;

/** The text of an error without the row that PostgreSQL refused. */
export function withoutRefusedRow(text: string): string {
  return text.replace(REFUSED_ROW, '');
}
