import { Injectable, type PipeTransform } from '@nestjs/common';
import { InvalidRequestError } from '../../common/errors/common.errors.js';

const KIND_NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** The name of a kind in an address. */
@Injectable()
export class KindNamePipe implements PipeTransform<string, string> {
  /** @throws InvalidRequestError */
  transform(kind: string): string {
    if (KIND_NAME.test(kind)) return kind;
    throw InvalidRequestError.of([{ field: 'kind', message: 'must be lower case letters, digits and underscores' }]);
  }
}
