import { Body, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { SignInBlocks } from '../identity/sign-in-blocks.service.js';

export class Unblocked {
  @ApiProperty({ example: 2, description: 'Counts of failed sign-ins that were forgotten; 0 where nothing blocked' })
  forgotten!: number;
}

@AdminController('admin/users/:userId/unblock', 'admin', 'support')
export class SignInBlocksAdminController {
  constructor(private readonly blocks: SignInBlocks) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forgets the failed sign-ins of a user, who may try again at once. A block ends by itself too',
  })
  @ApiResponse({ status: 200, type: Unblocked })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async unblock(
    @Param('userId', IdPipe) userId: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<Unblocked> {
    return { forgotten: await this.blocks.lift(userId, { ...operator, reason }) };
  }
}
