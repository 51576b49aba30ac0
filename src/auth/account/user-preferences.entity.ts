import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../identity/user.entity.js';

/** What a request takes when it omits the field. The default model is checked by a foreign key, as this module knows no models. */
export const UserPreferencesSchema = defineEntity({
  name: 'UserPreferences',
  tableName: 'user_preferences',
  properties: {
    userId: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .fieldName('user_id')
        .primary()
        .deleteRule('cascade')
        .updateRule('no action')
        .index(false),
    defaultModelId: p.string().length(100).nullable().index(),
    temperature: p.decimal().precision(3).scale(2).nullable(),
    streaming: p.boolean().default(true),
    settings: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

export class UserPreferences extends UserPreferencesSchema.class {}
UserPreferencesSchema.setClass(UserPreferences);
