import { applyDecorators, Body, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { isUuid } from '../../common/ids.js';
import { ProfileService } from '../account/profile.service.js';
import type { User } from '../identity/user.entity.js';
import { UserOperations } from './user-operations.service.js';
import {
  AdminUserView,
  InvitationRequest,
  RoleRequest,
  toAdminUserView,
  UsersPage,
  UsersQuery,
} from './users.admin.dto.js';
import { etagOfUser } from './user-etag.js';

const Id = (): ParameterDecorator => Param('id', new IdPipe());
const Reply = (): ParameterDecorator => Res({ passthrough: true });

/** A change of one user: it names the state that it was made from and why, and answers the new state with its `ETag`. */
function Action(path: string, summary: string): MethodDecorator {
  return applyDecorators(
    Post(`:id/${path}`),
    HttpCode(200),
    Roles('admin'),
    ApiOperation({ summary }),
    ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the user as it was read' }),
    ApiResponse({ status: 200, type: AdminUserView }),
    ApiResponse({ status: 400, description: 'A field breaks its rule' }),
    ApiResponse({ status: 404, description: 'user_not_found' }),
    ApiResponse({ status: 409, description: 'user_state, last_operator or email_taken' }),
    ApiResponse({ status: 412, description: 'stale_etag' }),
    ApiResponse({ status: 428, description: 'if_match_required' }),
  );
}

@AdminController('admin/users', 'admin', 'support')
export class UsersAdminController {
  constructor(
    private readonly profiles: ProfileService,
    private readonly operations: UserOperations,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Users, newest first; search by a part of the address' })
  @ApiResponse({ status: 200, type: UsersPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { email, deleted, limit, cursor }: UsersQuery): Promise<UsersPage> {
    const page = { email, isDeleted: deleted, limit, before: decodeCursor(cursor, isUuid) };
    const { users, next } = await this.profiles.page(page);
    return { data: users.map(toAdminUserView), nextCursor: encodeCursor(next) };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One user, deleted or not, with the ETag that a change needs' })
  @ApiResponse({ status: 200, type: AdminUserView })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async read(@Id() id: string, @Reply() reply: FastifyReply): Promise<AdminUserView> {
    return answer(await this.operations.find(id), reply);
  }

  @Post()
  @Roles('admin')
  @ApiOperation({ summary: 'Make an account; its owner chooses the password by a link in a mail that works for a day' })
  @ApiResponse({ status: 201, type: AdminUserView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 409, description: 'email_taken' })
  async invite(
    @Body() body: InvitationRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    const { reason, ...invitation } = body;
    const person = { ...invitation, displayName: invitation.displayName ?? null };
    return answer(await this.operations.invite(person, { ...by, reason }), reply);
  }

  @Action('suspend', 'Suspend: every sign-in ends at once, and none begins')
  async suspend(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.suspend(id, { ...by, reason }), reply);
  }

  @Action('reinstate', 'End a suspension')
  async reinstate(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.reinstate(id, { ...by, reason }), reply);
  }

  @Action('role', 'Change the role; it shows with the next request')
  async changeRole(
    @Id() id: string,
    @Body() { role, reason }: RoleRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.changeRole(id, role, { ...by, reason }), reply);
  }

  @Action('password-reset', 'End the password and every sign-in; the owner chooses a new one by a link in a mail')
  async resetPassword(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.resetPassword(id, { ...by, reason }), reply);
  }

  @Action('factors-reset', 'End every second factor and sign-in, for who has lost them; the password stays')
  async resetFactors(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.resetFactors(id, { ...by, reason }), reply);
  }

  @Action('delete', 'Delete the account as its owner would; it can be restored for the grace')
  async delete(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.delete(id, { ...by, reason }), reply);
  }

  @Action('restore', 'Bring back a deleted account before it is erased')
  async restore(
    @Id() id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminUserView> {
    return answer(await this.operations.restore(id, { ...by, reason }), reply);
  }
}

function answer(user: User, reply: FastifyReply): AdminUserView {
  void reply.header('etag', etagOfUser(user));
  return toAdminUserView(user);
}
