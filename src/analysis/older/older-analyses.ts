import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { request } from 'undici';
import { OperatorError } from '../../common/errors/operator-error.js';

const ANSWER_MS_MAX = 30_000;
/** Of one row: several times the longest text there is. What is longer is no list of rows, and would fill the memory. */
export const ROW_LENGTH_MAX = 4 * 1_024 * 1_024;

interface Source {
  body: Readable;
  isCsv: boolean;
}

/**
 * The rows of a file or address, one after the other: JSON lines, or CSV with a header where the name ends in `.csv` or the address says so. A
 * line that cannot be read is a row all the same, which is refused later.
 * @throws OperatorError where there is nothing to read, or not to its end
 */
export async function* readOlderAnalyses(from: string): AsyncIterable<unknown> {
  const { body, isCsv } = /^https?:\/\//i.test(from) ? await openAddress(from) : openFile(from);
  try {
    yield* isCsv ? csvRows(body) : jsonLines(body);
  } catch (error) {
    throw new OperatorError(`${from} could not be read to its end: ${(error as Error).message}`, { cause: error });
  } finally {
    body.destroy();
  }
}

function openFile(path: string): Source {
  return { body: createReadStream(path), isCsv: isNamedCsv(path) };
}

async function openAddress(address: string): Promise<Source> {
  const { statusCode, headers, body } = await request(address, {
    headersTimeout: ANSWER_MS_MAX,
    bodyTimeout: ANSWER_MS_MAX,
  }).catch((error: unknown) => {
    throw new OperatorError(`${address} could not be reached: ${(error as Error).message}`, { cause: error });
  });
  const type = String(headers['content-type'] ?? '');
  const fault = faultOf(statusCode, headers);
  if (fault === null) return { body, isCsv: /^text\/csv\b/i.test(type) || isNamedCsv(new URL(address).pathname) };
  body.on('error', () => undefined).destroy();
  throw new OperatorError(`${address} ${fault}`);
}

/** Why an answer is no list of rows, or null. A redirect is not followed: where rows come from is for the operator to say. */
function faultOf(status: number, headers: Record<string, string | string[] | undefined>): string | null {
  const { location, 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers;
  if (status >= 300 && status < 400 && location !== undefined) return `redirects to ${String(location)}. Name that.`;
  if (status !== 200) return `answered with status ${status}.`;
  if (encoding !== 'identity') return `sends its rows packed as ${String(encoding)}.`;
  return /^text\/html\b/i.test(String(type)) ? 'answered with a page, not with rows.' : null;
}

function isNamedCsv(name: string): boolean {
  return /\.csv$/i.test(name);
}

async function* jsonLines(source: Readable): AsyncIterable<unknown> {
  let rest = '';
  for await (const part of source.setEncoding('utf8')) {
    const lines = (rest + String(part)).split('\n');
    rest = lines.pop()!;
    if (rest.length > ROW_LENGTH_MAX) throw new Error(`a row has more than ${ROW_LENGTH_MAX} characters`);
    yield* lines.filter(isFull).map(rowOf);
  }
  if (isFull(rest)) yield rowOf(rest);
}

function isFull(line: string): boolean {
  return line.trim() !== '';
}

function rowOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return line;
  }
}

function csvRows(source: Readable): AsyncIterable<unknown> {
  const rows = parse({
    columns: true,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: ROW_LENGTH_MAX,
  });
  // Whoever reads the rows is told what goes wrong with the source.
  return pipeline(source, rows, () => undefined);
}
