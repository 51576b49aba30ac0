import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AdmissionService } from './admission.service.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import { ParameterConstraintViolationError } from './inference.errors.js';
import { unsupportedPolicy } from './unsupported-parameters.js';

/** Refuses parameters that the model does not take, all at once, and leaves the resolved ones on the request. */
@Injectable()
export class ParameterConstraintsGuard implements CanActivate {
  constructor(private readonly admission: AdmissionService) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<InferenceHttpRequest>();
    const { accessible, dialect } = request;
    if (!accessible || !dialect) throw new Error('the parameters are decided after the access to the model');
    try {
      request.admitted = this.admission.resolve(accessible, unsupportedPolicy(request));
      return true;
    } catch (error) {
      throw error instanceof ParameterConstraintViolationError ? error.inWordsOf(dialect.parameterNames) : error;
    }
  }
}
