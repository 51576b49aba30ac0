import type { AppError } from '../../../common/errors/app-error.js';
import { PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../../identity/password-policy.js';
import type { Texts } from '../../texts/english.js';
import { wordsOf } from '../../texts/error-words.js';
import { html, type Html } from './html.js';

/** What a form showed when it was sent, to be shown again with what was wrong. */
export interface Attempt {
  error?: AppError | undefined;
  email?: string | undefined;
  displayName?: string | undefined;
}

/** What was typed, except passwords. */
export function typedFields(body: unknown): Pick<Attempt, 'email' | 'displayName'> {
  const { email, displayName } = (body ?? {}) as Record<string, unknown>;
  return {
    email: typeof email === 'string' ? email : undefined,
    displayName: typeof displayName === 'string' ? displayName : undefined,
  };
}

/** Always there, so that the script and screen readers find it; hidden while there is nothing to say. */
export function summary(error: AppError | undefined, texts: Texts): Html {
  if (!error) return html`<div class="summary" role="alert" tabindex="-1" hidden></div>`;
  const list = error.errors.map((field) => html`<li>${field.message}</li>`);
  return html`<div class="summary" role="alert" tabindex="-1">
    ${
      list.length > 0
        ? html`${texts.common.check}
            <ul>
              ${list}
            </ul>`
        : wordsOf(error, texts).detail
    }
  </div>`;
}

export interface Field {
  name: string;
  label: Html | string;
  type?: string;
  /** What browsers and password managers fill in (HTML, autofill). */
  autocomplete: string;
  value?: string | null | undefined;
  isRequired?: boolean;
  hasFocus?: boolean;
  lengthMin?: number;
  lengthMax?: number;
  inputMode?: string;
  hint?: string;
}

/** One labelled input. */
export function field(spec: Field, attempt: Attempt = {}): Html {
  const { name, hint } = spec;
  const isInvalid = attempt.error?.errors.some((error) => error.field === name) ?? false;
  return html`<div class="field">
    <label for="${name}">${spec.label}</label>
    <input
      id="${name}"
      name="${name}"
      type="${spec.type ?? 'text'}"
      autocomplete="${spec.autocomplete}"
      ${spec.value !== undefined && spec.value !== null && html`value="${spec.value}"`}
      ${spec.isRequired !== false && html`required`}
      ${spec.hasFocus && html`autofocus`}
      ${spec.lengthMin !== undefined && html`minlength="${spec.lengthMin}"`}
      ${spec.lengthMax !== undefined && html`maxlength="${spec.lengthMax}"`}
      ${spec.inputMode !== undefined && html`inputmode="${spec.inputMode}"`}
      ${hint !== undefined && html`aria-describedby="${name}-hint"`}
      ${isInvalid && html`aria-invalid="true"`}
    />
    ${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}
  </div>`;
}

export function emailField(texts: Texts, attempt: Attempt, value: string | null | undefined): Html {
  const label = texts.common.email;
  return field({ name: 'email', label, type: 'email', autocomplete: 'username', value, hasFocus: true }, attempt);
}

/** Where a password is chosen, with the one rule that it has to follow. */
export function newPasswordField(texts: Texts, attempt: Attempt, label = texts.common.password): Html {
  return field(
    {
      name: 'password',
      label,
      type: 'password',
      autocomplete: 'new-password',
      lengthMin: PASSWORD_LENGTH_MIN,
      lengthMax: PASSWORD_LENGTH_MAX,
      hint: texts.common.passwordHint(PASSWORD_LENGTH_MIN),
    },
    attempt,
  );
}
