import { defineEntity, p } from '@mikro-orm/core';

export const EntityEventSchema = defineEntity({
  name: 'EntityEvent',
  tableName: 'entity_events',
  properties: {
    entityId: p.uuid().primary(),
    sequence: p.integer().primary(),
    userId: p.uuid().index(),
    name: p.string().length(50),
    data: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    isLast: p.boolean().default(false),
    createdAt: p.datetime().columnType('timestamptz'),
  },
});

/** One step in the life of a row that somebody follows. It goes with that row: a trigger of its table deletes it. */
export class EntityEvent extends EntityEventSchema.class {}
EntityEventSchema.setClass(EntityEvent);
