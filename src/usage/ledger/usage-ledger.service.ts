import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import type { Client } from 'pg';
import { OverloadedError } from '../../common/errors/common.errors.js';
import { pageOf } from '../../common/http/paging.js';
import { Config } from '../../config/config.js';
import { timePosition } from '../../common/http/page-position.js';
import { withDirectClient } from '../../database/direct-connection.js';
import { exportHead, exportLine, type ExportFormat } from './ledger-format.js';
import { ledgerExport, type LedgerFilter, ledgerPage, type LedgerRow } from './ledger.queries.js';

/** Rows that are in memory at a time: so few that they are gone before the collector takes them for lasting ones. */
const FETCH_ROWS = 200;
/** Exports of one process at a time: each has a session of its own and reads as fast as its client takes. */
const EXPORTS_MAX = 2;

/** What operators read of the ledger itself. */
@Injectable()
export class UsageLedgerService {
  private readonly logger = new Logger(UsageLedgerService.name);
  private exports = 0;

  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
  ) {}

  /** Rows, newest first. @throws InvalidRequestError for a cursor that is none of this list */
  async page(
    filter: LedgerFilter,
    { limit, cursor }: { limit: number; cursor?: string | undefined },
  ): Promise<{ rows: LedgerRow[]; next: string | null }> {
    const { sql, parameters } = ledgerPage(filter, { after: timePosition(cursor), limit: limit + 1 });
    const { rows } = await this.em.fork().getKysely().executeQuery<LedgerRow>(CompiledQuery.raw(sql, parameters));
    return pageOf(rows, limit, (row) => `${row.created_at}/${row.id}`);
  }

  /**
   * All rows as a file, read by a cursor of the server as fast as the reader takes it, so that its size does not matter. A stream that fails
   * ends without its end, which clients see; one whose reader leaves ends its session.
   * @throws OverloadedError where as many exports run as a process may
   */
  export(filter: LedgerFilter, format: ExportFormat): Readable {
    if (this.exports >= EXPORTS_MAX)
      throw new OverloadedError(`This server writes ${EXPORTS_MAX} exports already. Try again when one has ended.`, {
        headers: { 'retry-after': '30' },
      });
    this.exports += 1;
    const file = new PassThrough();
    const leaving = new AbortController();
    file.once('close', () => leaving.abort(new Error('the reader of an export has left')));
    const written = withDirectClient(
      this.config,
      (client) => pipeline(exportedText(client, filter, format), file, { end: false }),
      leaving.signal,
    );
    // The place is free before the reader sees the end, after which he may ask for the next export at once.
    written
      .finally(() => (this.exports -= 1))
      .then(
        () => file.end(),
        (error: unknown) => {
          if (!leaving.signal.aborted) this.logger.error({ err: error }, 'an export of the ledger failed');
          file.destroy(error as Error);
        },
      );
    return file;
  }
}

async function* exportedText(client: Client, filter: LedgerFilter, format: ExportFormat): AsyncGenerator<string> {
  const { sql, parameters } = ledgerExport(filter);
  await client.query('begin read only');
  await client.query(`declare export no scroll cursor for ${sql}`, parameters);
  yield exportHead(format);
  for (;;) {
    const { rows } = await client.query<LedgerRow>(`fetch ${FETCH_ROWS} from export`);
    if (rows.length === 0) return;
    yield rows.map((row) => exportLine(format, row)).join('');
  }
}
