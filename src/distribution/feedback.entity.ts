import { defineEntity, p } from '@mikro-orm/core';

const FeedbackSchema = defineEntity({
  name: 'Feedback',
  tableName: 'feedback',
  checks: [{ name: 'feedback_state_check', expression: "state in ('new', 'read', 'answered', 'closed')" }],
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid().nullable(),
    appVersion: p.text().nullable(),
    platform: p.text().nullable(),
    category: p.text(),
    message: p.text(),
    contactEmail: p.text().nullable(),
    state: p.text().default('new'),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** What someone told us from inside the app. */
export class Feedback extends FeedbackSchema.class {}
FeedbackSchema.setClass(Feedback);
