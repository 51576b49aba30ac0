/** What Anthropic takes in the id of a call. */
const TAKEN_CHARACTERS = /[^a-zA-Z0-9_-]/g;

export interface SentCall {
  id: string;
  name: string;
}

/**
 * The calls of a conversation by the ids they are sent with. A conversation may have begun with another provider, whose ids have other characters,
 * or come again in every turn; Anthropic refuses both. The same conversation gets the same ids each time, so that what is cached of it stays so.
 */
export class SentCalls {
  /** By the id in the conversation, the last call of that id. */
  private readonly calls = new Map<string, SentCall>();
  private readonly taken = new Set<string>();

  add(id: string, name: string): SentCall {
    const plain = id.replace(TAKEN_CHARACTERS, '_');
    let sent = plain;
    // As many as are taken: whoever uses one id again and again is not counted through.
    for (let number = this.taken.size; this.taken.has(sent); number += 1) sent = `${plain}_${number}`;
    this.taken.add(sent);
    const call = { id: sent, name };
    this.calls.set(id, call);
    return call;
  }

  /** The call that a result answers. */
  find(id: string): SentCall | undefined {
    return this.calls.get(id);
  }
}
