import { Injectable, type PipeTransform } from '@nestjs/common';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';

/** A tier in a path. @throws InvalidRequestError naming those that there are */
@Injectable()
export class TierPipe implements PipeTransform<string, Tier> {
  transform(value: string): Tier {
    const tier = TIERS.find((one) => one === value);
    if (!tier) throw InvalidRequestError.of([{ field: 'tier', message: `must be one of ${TIERS.join(', ')}` }]);
    return tier;
  }
}
