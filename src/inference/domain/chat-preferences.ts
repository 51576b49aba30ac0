/** What a user prefers, as far as chats are concerned. */
export interface ChatPreferences {
  defaultModel: string | null;
  temperature: number | null;
  streaming: boolean;
}

/** A change that a preference made, or could not make. */
export interface PreferenceChange {
  parameter: string;
  action: 'preferred' | 'dropped';
  value: unknown;
  isPreference: true;
}

/** What preferences did to a chat. */
export interface AppliedPreferences {
  applied: readonly PreferenceChange[];
  /** To be tried against the model's constraints, once the model is known. */
  temperature: number | null;
}

const NONE: AppliedPreferences = { applied: [], temperature: null };

/**
 * The body with the preferred model and manner of answering where it names none. A field that is there, null included, is the caller's own
 * word. Preferences are read only for a body that leaves something out.
 */
export async function applyPreferences(
  raw: unknown,
  accept: string | undefined,
  read: () => Promise<Readonly<ChatPreferences>>,
): Promise<{ body: unknown; preferred: AppliedPreferences }> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return { body: raw, preferred: NONE };
  const omits = (field: string): boolean => !Object.hasOwn(raw, field);
  if (!['model', 'temperature', 'stream'].some(omits)) return { body: raw, preferred: NONE };
  const { defaultModel, temperature, streaming } = await read();
  const body: Record<string, unknown> = { ...raw };
  const applied: PreferenceChange[] = [];
  if (omits('model') && defaultModel !== null) {
    body['model'] = defaultModel;
    applied.push({ parameter: 'model', action: 'preferred', value: defaultModel, isPreference: true });
  }
  if (omits('stream') && streaming) {
    const isTaken = takesEvents(accept);
    if (isTaken) body['stream'] = true;
    applied.push({
      parameter: 'stream',
      action: isTaken ? 'preferred' : 'dropped',
      value: true,
      isPreference: true,
    });
  }
  return { body, preferred: { applied, temperature: omits('temperature') ? temperature : null } };
}

/** Whether a caller with this `Accept` reads server-sent events. OpenAI's SDKs ask for JSON alone where they do not stream. */
function takesEvents(accept: string | undefined): boolean {
  if (accept === undefined) return true;
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return ['*/*', 'text/*', 'text/event-stream'].includes(type) && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}

/**
 * Whether a chat says itself how freely it is to be answered, or that it is to be thought about: a preferred temperature stands back then. Not
 * every provider takes one beside the other, and constraints need not say so.
 */
export function settlesSampling({
  top_p: share,
  reasoning_effort: effort,
}: Readonly<Record<string, unknown>>): boolean {
  return share !== undefined || (effort !== undefined && effort !== 'none');
}
