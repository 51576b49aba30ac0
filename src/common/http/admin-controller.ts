import { applyDecorators, Controller } from '@nestjs/common';
import { ApiBearerAuth, ApiResponse, ApiTags } from '@nestjs/swagger';
import { type Role, Roles, Scopes } from './route-markers.js';

/**
 * A controller of the operators' console: it needs the scope `admin` and one of the roles, unless a route names others. Without roles here
 * every route names its own.
 */
export function AdminController(path: string, ...roles: Role[]): ClassDecorator {
  return applyDecorators(
    ApiTags('admin'),
    ApiBearerAuth(),
    Scopes('admin'),
    ...(roles.length > 0 ? [Roles(...roles)] : []),
    ApiResponse({ status: 401, description: 'No valid token, or a second factor is missing' }),
    ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user has not the role for this' }),
    Controller(path),
  );
}
