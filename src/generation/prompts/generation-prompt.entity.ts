import { defineEntity, p } from '@mikro-orm/core';
import { GENERATION_MODES } from '../domain/generation-modes.js';

export const GenerationPromptSchema = defineEntity({
  name: 'GenerationPrompt',
  tableName: 'generation_prompts',
  checks: [{ name: 'generation_prompts_version_check', expression: 'version > 0' }],
  uniques: [{ name: 'generation_prompts_active_unique', properties: ['mode'], where: 'is_active' }],
  properties: {
    mode: p.enum(GENERATION_MODES).nativeEnumName('generation_mode').primary(),
    version: p.integer().primary(),
    prompt: p.text(),
    isActive: p.boolean().default(true),
    createdAt: p.datetime().columnType('timestamptz'),
  },
});

/** How a mode is asked for. A version is never changed: runs name the one that they used. */
export class GenerationPrompt extends GenerationPromptSchema.class {}
GenerationPromptSchema.setClass(GenerationPrompt);
