/** Tests run on what the compiler wrote to dist/, so that they meet the same ESM and decorator metadata as production. */
export default {
  rootDir: 'dist',
  testMatch: ['<rootDir>/**/*.spec.js'],
  testEnvironment: 'node',
  transform: {},
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testTimeout: 60_000,
  maxWorkers: 2,
  collectCoverageFrom: ['<rootDir>/src/**/domain/*.js', '!**/*.spec.js'],
  coverageDirectory: '../coverage',
};
