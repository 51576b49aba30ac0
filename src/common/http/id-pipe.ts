import { type ArgumentMetadata, ParseUUIDPipe } from '@nestjs/common';
import { InvalidRequestError } from '../errors/common.errors.js';

/** A path parameter that is the id of something; what can be none is refused under the parameter's name. */
export class IdPipe extends ParseUUIDPipe {
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<string | undefined | null> {
    if (this.isUUID(value)) return super.transform(value, metadata);
    throw InvalidRequestError.of([{ field: metadata.data ?? 'id', message: 'must be a UUID' }]);
  }
}
