import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';

const REASON_LENGTH_MIN = 3;
const REASON_LENGTH_MAX = 500;

/** Every change says why: it is what the next operator reads. */
export class ModelChangeRequest {
  @ApiProperty({ minLength: REASON_LENGTH_MIN, maxLength: REASON_LENGTH_MAX, example: 'New price list of August' })
  @IsString()
  @Length(REASON_LENGTH_MIN, REASON_LENGTH_MAX)
  reason!: string;
}

/** The errors of an admin route beside those of every one, all as problem details. */
export function ApiAdminErrors(errors: Record<number, string>): MethodDecorator {
  return applyDecorators(
    ...Object.entries(errors).map(([status, description]) => ApiResponse({ status: Number(status), description })),
  );
}

/** The same for a change, which names the state it was made from. */
export function ApiEdit(errors: Record<number, string> = {}): MethodDecorator {
  return applyDecorators(
    ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of what was read' }),
    ApiAdminErrors({
      400: 'invalid_request: every field that breaks a rule, with its path',
      404: 'model_not_found',
      412: 'stale_etag: someone else changed it meanwhile; details name the present ETag',
      428: 'if_match_required',
      ...errors,
    }),
  );
}
