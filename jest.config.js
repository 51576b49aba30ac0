/** Tests run on what the compiler wrote to dist/, so that they meet the same ESM and decorator metadata as production. */
const common = {
  rootDir: 'dist',
  testEnvironment: 'node',
  transform: {},
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
};

/** These have a world of their own: specs of pure rules load little, and the log of a process is what its first application made it. */
const APART = ['/dist/src/', '/dist/test/monitoring/(records|feature-flags)'];

export default {
  rootDir: 'dist',
  projects: [
    { ...common, testRegex: APART.map((path) => `${path}.*\\.spec\\.js$`) },
    {
      ...common,
      testMatch: ['<rootDir>/**/*.spec.js'],
      testPathIgnorePatterns: APART,
      testRunner: '<rootDir>/../jest.runner.js',
    },
  ],
  // Says that something hangs, not that a machine is slow: specs start processes, each of which loads the application.
  testTimeout: 180_000,
  testSequencer: '<rootDir>/../jest.sequencer.js',
  // Modules of finished specs stay in a worker's memory; one that has gathered much spends its time on that, so it is started anew.
  workerIdleMemoryLimit: '1GB',
  maxWorkers: 2,
  // The pure rules are where a missed branch costs money; everything else is covered by behaviour over HTTP and SQL.
  collectCoverageFrom: ['<rootDir>/src/**/domain/**/*.js', '!**/*.spec.js'],
  // Instruments these files alone; V8's own coverage counts in every module of every spec, half as much again of the processor time.
  coverageProvider: 'babel',
  coverageReporters: ['text-summary'],
  coverageThreshold: { global: { statements: 95, lines: 95, functions: 95, branches: 90 } },
  coverageDirectory: '../coverage',
};
