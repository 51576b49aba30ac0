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
  /** By the id as it would be sent, the number that is tried next. */
  private readonly numbers = new Map<string, number>();

  add(id: string, name: string): SentCall {
    const plain = id.replace(TAKEN_CHARACTERS, '_');
    let sent = plain;
    // Goes on where it left off: a number that is taken is met once, whatever ids a conversation has.
    let number = this.numbers.get(plain) ?? 1;
    for (; this.taken.has(sent); number += 1) sent = `${plain}_${number}`;
    this.numbers.set(plain, number);
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
