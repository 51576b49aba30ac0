import { readProviderEndpoints } from './provider-endpoints.js';

describe('the providers of the environment', () => {
  it('are those with an address, or with a key where the address is known', () => {
    const endpoints = readProviderEndpoints({
      OPENAI_API_KEY: 'key-1',
      OLLAMA_BASE_URL: 'http://127.0.0.1:11434/v1/',
      AZURE_BASE_URL: 'https://example.openai.azure.com/openai/v1',
      AZURE_API_KEY: 'key-2',
      AZURE_EU_BASE_URL: 'https://eu.openai.azure.com/openai/v1',
      AZURE_EU_API_KEY: 'key-4',
      MYSTERY_API_KEY: 'key-3',
    });
    expect(Object.fromEntries(endpoints)).toEqual({
      openai: { baseUrl: 'https://api.openai.com/v1', apiKey: 'key-1' },
      ollama: { baseUrl: 'http://127.0.0.1:11434/v1', apiKey: null },
      azure: { baseUrl: 'https://example.openai.azure.com/openai/v1', apiKey: 'key-2' },
      azure_eu: { baseUrl: 'https://eu.openai.azure.com/openai/v1', apiKey: 'key-4' },
    });
  });

  // Removed once: the cut. A key with the end of its file's line is one that no request can carry, and the provider seemed out of reach.
  it('have what a file of secrets had around it cut off', () => {
    const endpoints = readProviderEndpoints({
      OPENAI_API_KEY: ' key-1\r\n',
      OLLAMA_BASE_URL: 'http://localhost:9/v1/\n',
    });
    expect(endpoints.get('openai')?.apiKey).toBe('key-1');
    expect(endpoints.get('ollama')?.baseUrl).toBe('http://localhost:9/v1');
    expect(readProviderEndpoints({ OPENAI_API_KEY: ' \n' }).size).toBe(0);
  });

  it('leave out what is empty or no web address', () => {
    expect(readProviderEndpoints({ OPENAI_API_KEY: '', NEXT_BASE_URL: '/app', FTP_BASE_URL: 'ftp://x' }).size).toBe(0);
  });

  it('may have another address than the known one', () => {
    const endpoints = readProviderEndpoints({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:9/v1' });
    expect(endpoints.get('openai')?.baseUrl).toBe('http://localhost:9/v1');
  });
});
