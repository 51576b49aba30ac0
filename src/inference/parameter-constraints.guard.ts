import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AdmissionService } from './admission.service.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import { unsupportedPolicy } from './unsupported-parameters.js';

/** Refuses parameters that the model does not take, all at once, and leaves the resolved ones on the request. */
@Injectable()
export class ParameterConstraintsGuard implements CanActivate {
  constructor(private readonly admission: AdmissionService) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<InferenceHttpRequest>();
    if (!request.accessible) throw new Error('the parameters are decided after the access to the model');
    request.admitted = this.admission.resolve(request.accessible, unsupportedPolicy(request));
    return true;
  }
}
