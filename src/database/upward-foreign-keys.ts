/**
 * Keys that point to a table of a higher module. The database keeps them; the lower module's entity may not name the higher one, so the
 * ORM believes that they are too many.
 */
export const UPWARD_FOREIGN_KEYS: readonly string[] = [
  'period_closes_subscription_id_foreign',
  'credits_subscription_id_foreign',
  'user_preferences_default_model_id_foreign',
  'audit_trail_actor_id_foreign',
  'job_failures_resolved_by_foreign',
  'entity_events_user_id_foreign',
  'system_logs_user_id_foreign',
  'api_usage_user_id_foreign',
  'feature_flags_updated_by_foreign',
  'error_logs_analysis_id_foreign',
];
