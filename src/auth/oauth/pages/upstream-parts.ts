import type { Texts } from '../../texts/english.js';
import type { Interaction } from '../interactions.js';
import { html, type Html } from './html.js';

/** A link for each provider at which one may sign in instead. */
export function upstreamLinks({ signIn }: Texts, { uid, upstream }: Interaction): Html[] {
  return upstream.map(
    ({ name, label }) =>
      html`<a class="quiet" href="/interaction/${uid}/upstream/${name}">${signIn.elsewhere(label)}</a>`,
  );
}
