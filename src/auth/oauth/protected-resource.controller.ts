import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Public, SCOPES } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { DPOP_ALGORITHMS } from '../auth.errors.js';

/** RFC 9728. The provider's own metadata names only OpenID Connect's scopes; those of the API are told here. */
interface ProtectedResource {
  resource: string;
  authorization_servers: string[];
  scopes_supported: readonly string[];
  bearer_methods_supported: string[];
  dpop_signing_alg_values_supported: string[];
  dpop_bound_access_tokens_required: boolean;
  resource_name: string;
  resource_documentation: string;
}

@ApiTags('oauth')
@Public()
@Controller('.well-known')
export class ProtectedResourceController {
  constructor(private readonly config: Config) {}

  @Get('oauth-protected-resource')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({ summary: 'Which authorization server and scopes this API takes tokens of' })
  @ApiResponse({ status: 200, description: 'RFC 9728 metadata' })
  metadata(): ProtectedResource {
    const { publicUrl } = this.config;
    return {
      resource: publicUrl,
      authorization_servers: [publicUrl],
      scopes_supported: SCOPES,
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
      dpop_bound_access_tokens_required: false,
      resource_name: 'Tollgate',
      resource_documentation: `${publicUrl}/docs`,
    };
  }
}
