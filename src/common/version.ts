import { createRequire } from 'node:module';

/** The product's version, as `package.json` has it. */
export const PRODUCT_VERSION = (createRequire(import.meta.url)('../../../package.json') as { version: string }).version;
