import { readUpstreamIssuers, upstreamFaults } from './upstream-issuers.js';

describe('the providers elsewhere of the environment', () => {
  it('are those with an issuer, under the name of their variables', () => {
    const issuers = readUpstreamIssuers({
      UPSTREAM_GOOGLE_ISSUER: 'https://accounts.google.com',
      UPSTREAM_GOOGLE_CLIENT_ID: 'id-1',
      UPSTREAM_GOOGLE_CLIENT_SECRET: 'secret-1',
      UPSTREAM_ACME_ISSUER: 'https://id.acme.example/realm/',
      UPSTREAM_ACME_CLIENT_ID: 'id-2',
      UPSTREAM_ACME_LABEL: 'Acme & Co',
      UPSTREAM_EMPTY_ISSUER: '',
    });
    expect([...issuers.values()]).toEqual([
      {
        name: 'google',
        label: 'Google',
        issuer: 'https://accounts.google.com',
        clientId: 'id-1',
        clientSecret: 'secret-1',
      },
      {
        name: 'acme',
        label: 'Acme & Co',
        issuer: 'https://id.acme.example/realm/',
        clientId: 'id-2',
        clientSecret: null,
      },
    ]);
  });

  it('are refused with the variable that is at fault', () => {
    const faults = upstreamFaults({
      UPSTREAM_A_ISSUER: 'http://id.acme.example',
      UPSTREAM_A_CLIENT_ID: 'x',
      UPSTREAM_B_ISSUER: 'http://localhost:8080',
    });
    expect(faults).toEqual([
      expect.stringMatching(/^UPSTREAM_A_ISSUER: must be an https URL/),
      expect.stringMatching(/^UPSTREAM_B_CLIENT_ID: is required/),
    ]);
  });

  it('are told of where nobody would be able to choose them', () => {
    const faults = upstreamFaults({
      UPSTREAM_AZURE_AD_ISSUER: 'https://login.example.com',
      UPSTREAM_GOOGLE_ISSUR: 'https://accounts.google.com',
      UPSTREAM_GOOGLE_CLIENT_ID: 'id-1',
      UPSTREAM_EMPTY_LABEL: '',
      UPSTREAM_URL: 'http://another-program.example',
    });
    expect(faults).toEqual([
      expect.stringMatching(/^UPSTREAM_AZURE_AD_ISSUER: the name AZURE_AD must have letters and digits alone/),
      expect.stringMatching(/^UPSTREAM_GOOGLE_ISSUER: is required with UPSTREAM_GOOGLE_CLIENT_ID/),
    ]);
  });
});
