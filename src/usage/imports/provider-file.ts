import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { BodyTooLargeError, InvalidRequestError } from '../../common/errors/common.errors.js';
import { hasNul } from '../../common/domain/nul.js';
import type { FieldError } from '../../common/errors/app-error.js';
import {
  EXPORT_SHAPES,
  type ExportRow,
  type ExportShapeName,
  figuresOf,
  type ProviderFigure,
  type ProviderFigures,
  readExportRow,
} from '../domain/provider-export.js';

/** A line of a usage file has some hundred bytes. */
const LINE_BYTES_MAX = 16 * 1_024;
/** Days times models of one file; more than a year of a large provider. Each is in memory until the file is read. */
const LINES_MAX = 100_000;
/** What a column takes. Figures are added up further, under the names of the catalogue, so all of a file together have to stay below it. */
const SUM_MAX = 2n ** 63n - 1n;
/** More faults than anyone mends at a time. */
const FAULTS_MAX = 50;

export interface ProviderFile {
  sha256: string;
  rowCount: number;
  figures: readonly ProviderFigure[];
  /** The sums of each day and model, by `day` and then `model`. */
  lines: ExportRow[];
}

export interface ReadingTerms {
  shape: ExportShapeName;
  /** `2026-05-10`: nothing can have been used later. */
  today: string;
  bytesMax: number;
}

interface CsvRecord {
  record: string[];
  info: { lines: number };
}

/**
 * Reads a provider's file as it arrives; in memory are its sums by day and model.
 * @throws InvalidRequestError naming line, column and rule of each fault, BodyTooLargeError
 */
export async function readProviderFile(body: Readable, terms: ReadingTerms): Promise<ProviderFile> {
  const hash = createHash('sha256');
  const csv = parse({ bom: true, trim: true, info: true, skip_empty_lines: true, max_record_size: LINE_BYTES_MAX });
  const sums = new FileSums(terms);
  try {
    await pipeline(counted(body, hash, terms.bytesMax), csv, async (records: AsyncIterable<CsvRecord>) => {
      for await (const { record, info } of records) sums.add(record, info.lines);
    });
  } catch (error) {
    throw error instanceof CsvError ? unreadable(error) : error;
  }
  return { sha256: hash.digest('hex'), ...sums.end() };
}

/** The bytes on their way. A body that is given up is not destroyed: its sender is still to be answered. */
async function* counted(body: Readable, hash: Hash, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const part of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    hash.update(part);
    yield part;
  }
}

export function tooLarge(bytesMax: number): BodyTooLargeError {
  const message = `The file is larger than this route takes: ${bytesMax} bytes.`;
  return new BodyTooLargeError(message, { details: { limitBytes: bytesMax } });
}

/** The rows so far. */
class FileSums {
  private readonly lines = new Map<string, ExportRow>();
  private readonly faults: FieldError[] = [];
  private columns: Map<string, number> | null = null;
  private figures: readonly ProviderFigure[] = [];
  private rowCount = 0;
  private readonly totals: ProviderFigures = {};

  constructor(private readonly terms: ReadingTerms) {}

  add(record: string[], line: number): void {
    if (!this.columns) return this.readHeader(record);
    const { columns, figures } = this;
    const cell = (column: string): string => record[columns.get(column) ?? -1] ?? '';
    const { shape, today } = this.terms;
    const { row, faults } = readExportRow(EXPORT_SHAPES[shape], cell, { figures, today });
    if (hasNul(record)) faults.push({ column: 'a cell', rule: 'must not hold a NUL character' });
    for (const { column, rule } of faults) this.faults.push({ field: `line ${line}, ${column}`, message: rule });
    if (this.faults.length > FAULTS_MAX) throw InvalidRequestError.of(this.faults);
    if (row && faults.length === 0) this.sum(row);
  }

  /** @throws InvalidRequestError for a file with faults, or without rows */
  end(): Omit<ProviderFile, 'sha256'> {
    if (!this.columns)
      throw InvalidRequestError.of([{ field: 'file', message: 'is empty: it must begin with a header' }]);
    if (this.faults.length > 0) throw InvalidRequestError.of(this.faults);
    if (this.rowCount === 0)
      throw InvalidRequestError.of([{ field: 'file', message: 'has no row that names a model' }]);
    return { rowCount: this.rowCount, figures: this.figures, lines: [...this.lines.values()] };
  }

  private readHeader(names: string[]): void {
    this.columns = new Map(names.map((name, index) => [name, index]));
    const found = figuresOf(EXPORT_SHAPES[this.terms.shape], new Set(names));
    if ('missing' in found) {
      const message = `lacks ${found.missing.join(', ')}, which ${this.terms.shape} needs`;
      throw InvalidRequestError.of([{ field: 'line 1', message }]);
    }
    this.figures = found.figures;
  }

  private sum({ day, model, figures }: ExportRow): void {
    this.rowCount += 1;
    this.addToTotals(figures);
    const key = `${day} ${model}`;
    const sum = this.lines.get(key);
    if (sum)
      for (const figure of this.figures) sum.figures[figure] = (sum.figures[figure] ?? 0n) + (figures[figure] ?? 0n);
    else this.lines.set(key, { day, model, figures });
    if (this.lines.size > LINES_MAX) {
      const message = `has more than ${LINES_MAX} days and models; send a shorter time at once`;
      throw InvalidRequestError.of([{ field: 'file', message }]);
    }
  }

  private addToTotals(figures: ProviderFigures): void {
    for (const figure of this.figures) {
      const total = (this.totals[figure] ?? 0n) + (figures[figure] ?? 0n);
      if (total > SUM_MAX)
        throw InvalidRequestError.of([
          { field: 'file', message: 'has figures that are larger together than any usage; is it the right file?' },
        ]);
      this.totals[figure] = total;
    }
  }
}

/** The message of the library quotes the line, which nobody needs twice. */
function unreadable(error: CsvError): InvalidRequestError {
  const line = typeof error['lines'] === 'number' ? `line ${error['lines']}` : 'file';
  const message =
    error.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH'
      ? 'must have as many cells as the header'
      : 'is not CSV (RFC 4180) that can be read';
  return InvalidRequestError.of([{ field: line, message }]);
}
