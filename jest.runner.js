import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createScriptTransformer, shouldInstrument } from '@jest/transform';
import circus from 'jest-circus/runner';

const require = createRequire(import.meta.url);

/**
 * Runs a spec in its worker's own process, whose modules all specs there share, as they would in a server. Jest by itself gives every spec a world
 * of its own and loads into it the whole application with all that it stands on, some 4,500 modules: for most specs more work than the spec.
 */
export default async function runInProcess(globalConfig, config, environment, runtime, testPath, report) {
  if (globalConfig.collectCoverage) await countCoverage(globalConfig, config);
  const result = await circus.default(globalConfig, config, { global: globalThis }, loader, testPath, report);
  // What the process has counted so far: Jest adds it up, and only whether anything was counted matters.
  return { ...result, coverage: globalThis.__coverage__ };
}

/** What the framework asks of Jest's loader, answered by Node. */
const loader = {
  unstable_shouldLoadAsEsm: () => true,
  unstable_importModule: (file) => import(pathToFileURL(file)),
  requireModule: require,
  /** The framework keeps the specs it has collected in its module. */
  requireInternalModule(file) {
    delete require.cache[file];
    return require(file);
  },
  setGlobalsForRuntime() {},
  enterTestCode() {},
  leaveTestCode() {},
};

let isCounting = false;

/** Has Node load files that count as Jest would load them. */
async function countCoverage(globalConfig, config) {
  if (isCounting) return;
  isCounting = true;
  const transformer = await createScriptTransformer(config);
  const options = { ...globalConfig, supportsStaticESM: true, supportsDynamicImport: true };
  const ours = pathToFileURL(`${config.rootDir}/`).href;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      // What Jest itself loads meanwhile is none of ours.
      if (!url.startsWith(ours)) return loaded;
      const file = fileURLToPath(url);
      if (!shouldInstrument(file, options, config)) return loaded;
      return { ...loaded, source: transformer.transform(file, options).code };
    },
  });
}
