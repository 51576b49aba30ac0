import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../auth/identity/user.entity.js';
import { GENERATION_MODES } from '../domain/generation-modes.js';

export const GenerationPreferencesSchema = defineEntity({
  name: 'GenerationPreferences',
  tableName: 'user_ai_preferences',
  uniques: [{ name: 'unique_user_preferences', properties: ['userId'] }],
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(false),
    preferredModels: p.json<string[]>().defaultRaw(`'[]'`),
    defaultGenerationMode: p.enum(GENERATION_MODES).nativeEnumName('generation_mode').default('creative'),
    enableDeepThinking: p.boolean().default(false),
    autoGenerateOnCreate: p.boolean().default(false),
    modelWeights: p.json<Record<string, number>>().defaultRaw(`'{}'`),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

/** What a user's runs take where they say nothing. */
export class GenerationPreferences extends GenerationPreferencesSchema.class {}
GenerationPreferencesSchema.setClass(GenerationPreferences);
