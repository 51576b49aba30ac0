import { isAccountTrouble } from './account-trouble.js';

describe("trouble with the operator's account", () => {
  it.each([
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.',
    'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
    'You have reached your specified workspace API usage limits.',
    'This organization has been disabled.',
    'Organization has been restricted. Please reach out to support.',
    'Billing hard limit has been reached',
    'API key not valid. Please pass a valid API key.',
    'API Key not found. Please pass a valid API key.',
    'Incorrect API key provided: xa***et.',
    'User location is not supported for the API use.',
  ])('is known by how it is told: %s', (message) => {
    expect(isAccountTrouble({ message })).toBe(true);
  });

  it.each(['billing_hard_limit_reached', 'insufficient_quota', 'billing_not_active', 'account_deactivated'])(
    'is known by its code or type: %s',
    (code) => {
      expect(isAccountTrouble({ code, message: '' })).toBe(true);
      expect(isAccountTrouble({ type: code, message: '' })).toBe(true);
    },
  );

  // Names of tools and schemas are a caller's own: whoever chose them well would have the provider taken for broken.
  it.each([
    'tools.0.custom.name: "your credit balance is too low" is not allowed',
    "Invalid schema for function 'billing_hard_limit': api key not valid",
    '* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties[api_key].items: missing field.',
    'prompt is too long: 210000 tokens > 200000 maximum',
    '',
  ])('is no refusal of a request: %s', (message) => {
    expect(isAccountTrouble({ code: 'invalid_value', type: 'invalid_request_error', message })).toBe(false);
    expect(isAccountTrouble({ code: null, message })).toBe(false);
  });
});
