import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Tracing } from '../monitoring/tracing/tracing.js';
import { AdmissionService } from './admission.service.js';
import { ChatReader } from './chat-reader.service.js';
import type { AccessibleChat, InferenceHttpRequest } from './admitted-chat.js';
import { type ChatDialect, ROUTE_DIALECT } from './dialects/chat-dialect.js';
import { unsupportedPolicy } from './unsupported-parameters.js';

/** Reads the chat and refuses it unless its model exists, can be called by this user's tier, and can do what the prompt needs. */
@Injectable()
export class ModelAccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly reader: ChatReader,
    private readonly admission: AdmissionService,
    private readonly tracing: Tracing,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<InferenceHttpRequest>();
    const dialect = this.reflector.get<ChatDialect>(ROUTE_DIALECT, context.getHandler());
    request.accessible = await this.tracing.step('admit', () => this.admit(request, dialect));
    request.dialect = dialect;
    return true;
  }

  private async admit(request: InferenceHttpRequest, dialect: ChatDialect): Promise<AccessibleChat> {
    const { principal, body, headers } = request;
    if (!principal) throw new Error('an inference route is public');
    const parsed = await this.reader.read(body, {
      dialect,
      userId: principal.userId,
      unsupported: unsupportedPolicy(request),
      accept: headers.accept,
    });
    const { chat, refusal } = await this.admission.decideAccess(parsed, principal.userId);
    if (refusal) throw refusal;
    return chat;
  }
}
