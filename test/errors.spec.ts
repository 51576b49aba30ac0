import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, type AppErrorKind } from '../src/common/errors/app-error.js';

const ROOT = join(import.meta.dirname, '..', 'src');

async function errorKinds(): Promise<(AppErrorKind & { name: string })[]> {
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.errors.js'));
  const modules = (await Promise.all(files.map((file) => import(join(ROOT, file))))) as Record<string, unknown>[];
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value) => typeof value === 'function' && value.prototype instanceof AppError && 'code' in value) as never;
}

/** Every code a client may meet, with its status. Clients branch on these: a change here is a change of the API. */
const CODES: Record<string, number> = {
  account_suspended: 403,
  address_not_confirmed: 409,
  analysis_cancelled: 409,
  analysis_ended: 409,
  analysis_kind_not_found: 422,
  analysis_not_found: 404,
  analysis_queue_full: 429,
  answer_cut_off: 502,
  app_version_not_found: 404,
  api_key_limit_reached: 409,
  api_key_not_found: 404,
  body_too_large: 413,
  budget_exceeded: 429,
  budget_not_found: 404,
  capability_not_supported: 400,
  context_length_exceeded: 400,
  client_exists: 409,
  client_has_no_secret: 409,
  client_not_found: 404,
  credits_not_free: 422,
  clock_moves_forward_only: 422,
  clock_too_far: 422,
  cross_site_request: 403,
  dead_letter_not_found: 404,
  dead_letter_retry_refused: 409,
  debt_outstanding: 402,
  debt_repaid: 409,
  device_not_found: 404,
  diagnostics_not_found: 404,
  email_taken: 409,
  feedback_not_found: 404,
  feature_flag_not_found: 404,
  grant_ended: 409,
  headers_too_large: 431,
  generation_cancelled: 409,
  generation_not_found: 404,
  generation_prompt_not_found: 404,
  hold_ended: 409,
  idempotency_answer_not_kept: 409,
  idempotency_in_progress: 409,
  idempotency_key_invalid: 400,
  idempotency_mismatch: 422,
  identity_taken: 409,
  if_match_required: 428,
  insufficient_credits: 402,
  insufficient_role: 403,
  insufficient_scope: 403,
  insufficient_user_authentication: 401,
  invalid_dpop_proof: 401,
  invalid_email_link: 400,
  invalid_image: 400,
  invalid_request: 400,
  invalid_token: 401,
  job_failure_not_found: 404,
  job_failure_resolved: 409,
  job_not_found: 404,
  job_retry_failed: 409,
  job_retry_unavailable: 409,
  job_run_failed: 500,
  last_factor: 409,
  last_operator: 409,
  last_way_in: 409,
  passkey_refused: 401,
  lifecycle_refused: 409,
  metrics_forbidden: 403,
  model_archived: 410,
  model_exists: 409,
  model_not_found: 404,
  model_not_priced: 404,
  model_unavailable: 404,
  model_version_not_found: 404,
  not_found: 404,
  overloaded: 503,
  client_left: 499,
  parameter_constraint_violation: 400,
  posting_not_reversible: 422,
  posting_reversed: 409,
  project_busy: 409,
  project_limit_reached: 409,
  project_not_found: 404,
  provider_credential_exists: 409,
  provider_credential_not_found: 404,
  provider_error: 502,
  provider_not_configured: 404,
  provider_rejected: 400,
  provider_timeout: 504,
  provider_unavailable: 503,
  rate_limited: 429,
  request_timeout: 408,
  sign_in_busy: 429,
  sign_in_expired: 400,
  sign_in_failed: 401,
  sign_in_throttled: 429,
  stale_etag: 412,
  subscription_inactive: 403,
  subscription_not_found: 404,
  subscription_state: 409,
  suggestion_limit_reached: 409,
  suggestion_not_found: 404,
  tier_required: 403,
  unknown_parameter: 400,
  too_many_requests: 429,
  too_many_streams: 429,
  unsupported_media_type: 415,
  unsupported_parameter: 400,
  upstream_address_taken: 409,
  upstream_address_unverified: 409,
  upstream_not_found: 404,
  upstream_sign_in_failed: 400,
  upstream_unavailable: 503,
  user_not_found: 404,
  user_state: 409,
  version_goes_backwards: 409,
  webhook_endpoint_not_found: 404,
  wrong_code: 401,
};

/** A model that is named in a preference is no resource of the route: 422, where the routes of models answer 404. */
const BESIDE_ITS_CODE = 'PreferredModelNotFoundError';

describe('the expected failures', () => {
  it('are these codes, each with one status and one type', async () => {
    const kinds = await errorKinds();
    const seen = new Map<string, string>();
    for (const { code, status, openaiType, title, name } of kinds) {
      expect(title.length).toBeGreaterThan(5);
      if (name === BESIDE_ITS_CODE) continue;
      expect(seen.get(code) ?? `${status} ${openaiType}`).toBe(`${status} ${openaiType}`);
      seen.set(code, `${status} ${openaiType}`);
    }
    const plain = kinds.filter(({ name }) => name !== BESIDE_ITS_CODE);
    expect(Object.fromEntries(plain.map(({ code, status }) => [code, status]))).toEqual(CODES);
  });
});
