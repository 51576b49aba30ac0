import { defineEntity, p } from '@mikro-orm/core';

export const MAIL_STATES = ['pending', 'sent', 'failed'] as const;

/** A mail to be sent in the background, so that a known and an unknown address are answered alike. */
export const MailOutboxSchema = defineEntity({
  name: 'MailOutbox',
  tableName: 'mail_outbox',
  properties: {
    id: p.uuid().primary(),
    toAddress: p.text(),
    template: p.text(),
    variablesSealed: p.blob(),
    state: p.enum(MAIL_STATES).nativeEnumName('mail_state').default('pending'),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime().columnType('timestamptz'),
    sentAt: p.datetime().columnType('timestamptz').nullable(),
    lastError: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  indexes: [
    {
      name: 'mail_outbox_turn_index',
      expression: `create index "mail_outbox_turn_index" on "mail_outbox" using btree (("template" = 'notice'), "next_attempt_at") where "state" = 'pending'`,
    },
  ],
});

export class MailOutbox extends MailOutboxSchema.class {}
MailOutboxSchema.setClass(MailOutbox);

/** What the variables of a mail are sealed for: in another row they do not open. */
export function contextOf(id: string): string {
  return `mail_outbox:${id}`;
}
