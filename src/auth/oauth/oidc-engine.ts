/**
 * The engine's values; types come from the package itself. The first import has to stay the first. An `await import()` here would keep it
 * apart more plainly, but everything that imports this module would wait for it: Jest loads such a graph several times over.
 */
import { speakAgain } from './engine-remark.js';
import { errors, interactionPolicy, Provider } from 'oidc-provider';

speakAgain();

export { errors, interactionPolicy, Provider };
