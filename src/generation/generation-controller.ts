import { applyDecorators, Controller } from '@nestjs/common';
import { ApiBearerAuth, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Scopes } from '../common/http/route-markers.js';

/** A controller of a user's names and what makes them. */
export function GenerationController(path: string): ClassDecorator {
  return applyDecorators(
    ApiTags('generation'),
    ApiBearerAuth(),
    Scopes('llm.inference'),
    ApiResponse({ status: 401, description: 'No valid token' }),
    ApiResponse({ status: 403, description: 'The token lacks the scope llm.inference' }),
    Controller(path),
  );
}
