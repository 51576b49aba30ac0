import type pg from 'pg';

/** The messages of COPY that the driver sends and hands on, but its types leave out. */
interface CopyConnection extends pg.Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** What stands in a COPY: text that has no tab, line break or backslash, numbers, times; null. */
export type CopyValue = string | number | bigint | Date | null;

/** By the names of the columns. */
export type CopyRow = Record<string, CopyValue>;

/** Rows for one table, gathered until they are written. All have the same columns, in the same order. */
export class CopyRows {
  private columns: string[] = [];
  private lines: string[] = [];

  constructor(private readonly table: string) {}

  add(row: CopyRow): void {
    if (this.lines.length === 0) this.columns = Object.keys(row);
    this.lines.push(`${Object.values(row).map(toText).join('\t')}\n`);
  }

  /** Writes what was gathered, in one transaction, and gathers anew at once. */
  writeTo(client: pg.Client): Promise<void> {
    const { lines } = this;
    if (lines.length === 0) return Promise.resolve();
    this.lines = [];
    return new Promise((resolve, reject) => {
      const sql = `copy ${this.table} (${this.columns.join(', ')}) from stdin`;
      client.query(new Copy(sql, Buffer.from(lines.join('')), (error) => (error ? reject(error) : resolve())));
    });
  }
}

/** A COPY as the driver runs a statement: it calls these methods as the messages of the server come. */
class Copy implements pg.Submittable {
  private failure: Error | undefined;

  constructor(
    private readonly sql: string,
    private readonly chunk: Buffer,
    private readonly done: (error?: Error) => void,
  ) {}

  submit(connection: pg.Connection): void {
    connection.query(this.sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.chunk);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {
    // The server is ready for the next statement a message later, which is when this one is done.
  }

  handleError(error: Error): void {
    this.failure ??= error;
    this.done(this.failure);
  }

  handleReadyForQuery(): void {
    if (!this.failure) this.done();
  }
}

function toText(value: CopyValue): string | number | bigint {
  if (value === null) return '\\N';
  return value instanceof Date ? value.toISOString() : value;
}
