import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { PersonalDataRegistry } from '../../common/personal-data.js';

/** Everything that is stored about a person, in one document. */
@Injectable()
export class PersonalExport {
  constructor(
    private readonly registry: PersonalDataRegistry,
    private readonly clock: WallClock,
  ) {}

  /** The parts of one JSON object: a member per section, each a list of rows. Written as it is read. */
  async *write(userId: string): AsyncIterable<string> {
    yield `{"exportedAt":${JSON.stringify(this.clock.now())}`;
    for (const { name, export: rows } of this.registry.list()) {
      yield `,${JSON.stringify(name)}:[`;
      let separator = '';
      for await (const row of rows(userId)) {
        yield separator + JSON.stringify(row);
        separator = ',';
      }
      yield ']';
    }
    yield '}';
  }
}
