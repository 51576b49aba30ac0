import { Migration } from '@mikro-orm/migrations';

/** Mails that somebody waits for go before notices, of which one night may bring one for every user. */
export class Migration20261201110000_mails_that_people_wait_for extends Migration {
  override up(): void {
    this.addSql('drop index mail_outbox_next_attempt_at_index');
    this.addSql(
      `create index mail_outbox_turn_index on mail_outbox ((template = 'notice'), next_attempt_at) where state = 'pending'`,
    );
  }

  override down(): void {
    this.addSql('drop index mail_outbox_turn_index');
    this.addSql(
      `create index mail_outbox_next_attempt_at_index on mail_outbox (next_attempt_at) where state = 'pending'`,
    );
  }
}
