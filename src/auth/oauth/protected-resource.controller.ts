import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Public, SCOPES } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { DPOP_ALGORITHMS } from '../auth.errors.js';

/** RFC 9728. The provider's own metadata names only OpenID Connect's scopes; those of the API are told here. */
class ProtectedResource {
  @ApiProperty() resource!: string;
  @ApiProperty({ type: [String] }) authorization_servers!: string[];
  @ApiProperty({ type: [String] }) scopes_supported!: readonly string[];
  @ApiProperty({ type: [String] }) bearer_methods_supported!: string[];
  @ApiProperty({ type: [String] }) dpop_signing_alg_values_supported!: string[];
  @ApiProperty() dpop_bound_access_tokens_required!: boolean;
  @ApiProperty() resource_name!: string;
  @ApiProperty() resource_documentation!: string;
}

@ApiTags('oauth')
@Public()
@Controller('.well-known')
export class ProtectedResourceController {
  constructor(private readonly config: Config) {}

  @Get('oauth-protected-resource')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({ summary: 'Which authorization server and scopes this API takes tokens of' })
  @ApiResponse({ status: 200, description: 'RFC 9728 metadata', type: ProtectedResource })
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
