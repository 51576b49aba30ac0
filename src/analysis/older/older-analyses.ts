import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { request } from 'undici';
import { OperatorError } from '../../common/errors/operator-error.js';

const ANSWER_MS_MAX = 30_000;

/**
 * The rows of a file or address, one after the other: JSON lines, or CSV with a header where the name ends in `.csv`. A line that cannot be read
 * is a row all the same, which is refused later.
 * @throws OperatorError where there is nothing to read
 */
export async function* readOlderAnalyses(from: string): AsyncIterable<unknown> {
  const source = await open(from);
  const isCsv = /\.csv$/i.test(from.split(/[?#]/)[0] ?? from);
  try {
    yield* isCsv ? csvRows(source) : jsonLines(source);
  } catch (error) {
    throw new OperatorError(`${from} could not be read to its end: ${(error as Error).message}`, { cause: error });
  }
}

async function open(from: string): Promise<Readable> {
  if (!/^https?:\/\//i.test(from)) return createReadStream(from);
  const { statusCode, body } = await request(from, { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX });
  if (statusCode === 200) return body;
  body.on('error', () => undefined).destroy();
  throw new OperatorError(`${from} answered with status ${statusCode}.`);
}

async function* jsonLines(source: Readable): AsyncIterable<unknown> {
  for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line) as unknown;
    } catch {
      yield line;
    }
  }
}

function csvRows(source: Readable): AsyncIterable<unknown> {
  return source.pipe(parse({ columns: true, bom: true, relax_column_count: true, skip_empty_lines: true }));
}
