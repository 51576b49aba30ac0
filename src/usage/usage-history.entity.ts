import { defineEntity, p } from '@mikro-orm/core';

/** The ledger as a user reads it; credits are decimal. A view. */
export const UsageHistorySchema = defineEntity({
  name: 'UsageHistory',
  tableName: 'usage_history',
  view: true,
  expression: `select id, user_id, request_id, model_id, operation, input_tokens, output_tokens, input_tokens + output_tokens as tokens,
        image_count as images, (credits_ucr::numeric / 1000000)::numeric(20, 6) as credits_used, metadata, created_at
      from token_usage_ledger_all`,
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid(),
    requestId: p.uuid(),
    modelId: p.string(),
    operation: p.string(),
    inputTokens: p.integer(),
    outputTokens: p.integer(),
    tokens: p.integer(),
    images: p.integer(),
    creditsUsed: p.decimal(),
    metadata: p.json<Record<string, unknown>>(),
    createdAt: p.datetime().columnType('timestamptz'),
  },
});

export class UsageHistory extends UsageHistorySchema.class {}
UsageHistorySchema.setClass(UsageHistory);
