import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { InvalidRequestError } from '../errors/common.errors.js';
import { isUuid } from '../ids.js';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
const CURSOR_LENGTH_MAX = 512;

/** What every list takes. The last rule named is the first checked, so that text is told to be a number and not to be smaller. */
export class PageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT })
  @IsOptional()
  @Type(() => Number)
  @Max(PAGE_MAX)
  @Min(1)
  @IsInt()
  limit: number = PAGE_DEFAULT;

  @ApiPropertyOptional({ description: 'The nextCursor of the page before' })
  @IsOptional()
  @MaxLength(CURSOR_LENGTH_MAX)
  @IsString()
  cursor?: string;
}

/** The last id of a page as its reader sees it: to be sent back, not to be read. Null where there is no next page. */
export function encodeCursor(lastId: string | null): string | null {
  return lastId === null ? null : Buffer.from(lastId).toString('base64url');
}

/** The id that the next page starts after. @throws InvalidRequestError when it is no cursor of such a list */
export function decodeCursor(cursor: string | undefined, isId: (text: string) => boolean): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (isId(id)) return id;
  throw InvalidRequestError.of([{ field: 'cursor', message: 'send the nextCursor of the page before, unchanged' }]);
}

/** What the rows of a page fulfil in a list that is newest first, by id. @throws InvalidRequestError for a cursor that is none */
export function beforeId(cursor: string | undefined): { id?: { $lt: string } } {
  const id = decodeCursor(cursor, isUuid);
  return id === undefined ? {} : { id: { $lt: id } };
}

/** A page of `limit` rows out of `limit + 1` that were read, and where the next one begins. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => string,
): { rows: Row[]; next: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, next: rows.length > limit && last !== undefined ? positionOf(last) : null };
}
